#include "coordinator/planner/balance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace penstock {
namespace {

// Compared from left to right; less is better.
using Score = std::array<double, 5>;

// A move must gain more than rounding.
constexpr double kRounding = 1e-9;

// A bound on the work for models of thousands of units.
constexpr int kMovesMax = 2000;

bool IsLess(const Score& a, const Score& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const double tolerance = kRounding * std::max(std::abs(a[i]), 1e-300);
    if (a[i] < b[i] - tolerance) return true;
    if (a[i] > b[i] + tolerance) return false;
  }
  return false;
}

class Balancer {
 public:
  explicit Balancer(const BalanceProblem& problem) : problem_(problem) {
    cost_before_.push_back(0);
    for (const double cost : problem.costs) {
      cost_before_.push_back(cost_before_.back() + cost);
    }
  }

  std::vector<int64_t> Run(std::vector<int64_t> cuts) {
    Load(cuts);
    for (int moves = 0; moves < kMovesMax; ++moves) {
      const auto better = BestMove(cuts);
      if (!better.has_value()) break;
      cuts = *better;
      Load(cuts);
    }
    return cuts;
  }

 private:
  double SliceTime(const std::vector<int64_t>& cuts, int slice) const {
    return cost_before_[cuts[slice + 1]] - cost_before_[cuts[slice]];
  }

  double RankTime(const std::vector<int64_t>& cuts, int rank) const {
    double time = 0;
    for (const int slice : problem_.slices[rank]) {
      time += SliceTime(cuts, slice);
    }
    return time / problem_.speeds[rank];
  }

  void Load(const std::vector<int64_t>& cuts) {
    times_.clear();
    lacks_.clear();
    for (size_t rank = 0; rank < problem_.slices.size(); ++rank) {
      times_.push_back(RankTime(cuts, static_cast<int>(rank)));
      lacks_.push_back(problem_.lacks(static_cast<int>(rank), cuts));
    }
    score_ = ScoreOf(cuts, times_, lacks_);
  }

  Score ScoreOf(const std::vector<int64_t>& cuts,
                const std::vector<double>& times,
                const std::vector<double>& lacks) const {
    Score score{};
    for (size_t rank = 0; rank < times.size(); ++rank) {
      score[0] += lacks[rank];
      score[1] = std::max(score[1], times[rank]);
      score[2] += times[rank] * times[rank];
    }
    for (size_t slice = 0; slice + 1 < cuts.size(); ++slice) {
      const double time = SliceTime(cuts, static_cast<int>(slice));
      score[3] = std::max(score[3], time);
      score[4] += time * time;
    }
    return score;
  }

  // Whether units should leave the rank; when none lacks memory, the slowest.
  bool IsWorstOff(int rank) const {
    if (score_[0] > 0) return lacks_[rank] > 0;
    return times_[rank] >= score_[1] * (1 - kRounding);
  }

  std::optional<std::vector<int64_t>> BestMove(
      const std::vector<int64_t>& cuts) const {
    std::optional<std::vector<int64_t>> best;
    Score best_score = score_;
    const int slices = static_cast<int>(cuts.size()) - 1;
    for (size_t rank = 0; rank < problem_.slices.size(); ++rank) {
      for (const int from : problem_.slices[rank]) {
        const bool longest = SliceTime(cuts, from) >= score_[3];
        if (!IsWorstOff(static_cast<int>(rank)) && !longest) continue;
        if (cuts[from + 1] - cuts[from] < 2) continue;
        for (int to = 0; to < slices; ++to) {
          if (to == from) continue;
          const std::vector<int64_t> moved = Move(cuts, from, to);
          const Score score = ScoreAfter(moved, from, to);
          if (!IsLess(score, best_score)) continue;
          best_score = score;
          best = moved;
        }
      }
    }
    return best;
  }

  static std::vector<int64_t> Move(std::vector<int64_t> cuts, int from,
                                   int to) {
    for (int cut = from + 1; cut <= to; ++cut) --cuts[cut];
    for (int cut = to + 1; cut <= from; ++cut) ++cuts[cut];
    return cuts;
  }

  // Only the slices from one to the other have changed.
  Score ScoreAfter(const std::vector<int64_t>& cuts, int from, int to) const {
    std::vector<double> times = times_;
    std::vector<double> lacks = lacks_;
    const int low = std::min(from, to);
    const int high = std::max(from, to);
    for (size_t rank = 0; rank < problem_.slices.size(); ++rank) {
      const std::vector<int>& slices = problem_.slices[rank];
      const bool changed =
          std::any_of(slices.begin(), slices.end(),
                      [&](int slice) { return slice >= low && slice <= high; });
      if (!changed) continue;
      times[rank] = RankTime(cuts, static_cast<int>(rank));
      lacks[rank] = problem_.lacks(static_cast<int>(rank), cuts);
    }
    return ScoreOf(cuts, times, lacks);
  }

  const BalanceProblem& problem_;
  std::vector<double> cost_before_;  // Sum of the costs of the units before.
  // Of the cuts so far.
  std::vector<double> times_;
  std::vector<double> lacks_;
  Score score_{};
};

}  // namespace

std::vector<int64_t> Balance(const BalanceProblem& problem,
                             std::vector<int64_t> cuts) {
  return Balancer(problem).Run(std::move(cuts));
}

}  // namespace penstock
