#include "coordinator/planner/partition.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "fmt/format.h"

namespace penstock {
namespace {

// The most that any stage may have.
struct Bound {
  double time = std::numeric_limits<double>::infinity();
  int64_t units = std::numeric_limits<int64_t>::max();
};

class Partitioner {
 public:
  Partitioner(const PartitionProblem& problem, StageLimit& limit)
      : speeds_(problem.speeds), limit_(limit) {
    cost_before_.push_back(0);
    for (const double cost : problem.costs) {
      cost_before_.push_back(cost_before_.back() + cost);
    }
  }

  absl::StatusOr<std::vector<int64_t>> Run() {
    const std::optional<std::vector<int64_t>> any = Fill({});
    if (!any.has_value()) {
      return absl::FailedPreconditionError(fmt::format(
          "no partition of {} units into {} stages fits", units(), stages()));
    }
    Bound bound{.time = LeastTime(SlowestTime(*any))};
    bound.units = LeastUnits(bound);
    return *Fill(bound);
  }

 private:
  int64_t units() const {
    return static_cast<int64_t>(cost_before_.size()) - 1;
  }
  int stages() const { return static_cast<int>(speeds_.size()); }

  // From differences of sums, so that it is the same from either direction.
  double Time(int stage, int64_t begin, int64_t end) const {
    return (cost_before_[end] - cost_before_[begin]) / speeds_[stage];
  }

  double SlowestTime(const std::vector<int64_t>& cuts) const {
    double slowest = 0;
    for (int stage = 0; stage < stages(); ++stage) {
      slowest = std::max(slowest, Time(stage, cuts[stage], cuts[stage + 1]));
    }
    return slowest;
  }

  // The cuts of the most even partition within bounds, if there is one.
  std::optional<std::vector<int64_t>> Fill(const Bound& bound) {
    std::vector<std::vector<bool>> reachable = {
        std::vector<bool>(units() + 1, false)};
    reachable[0][0] = true;
    for (int stage = 0; stage < stages(); ++stage) {
      reachable.push_back(Ends(stage, reachable[stage], bound));
    }
    if (!reachable[stages()][units()]) return std::nullopt;
    return Spread(reachable, bound);
  }

  // Where `stage` can end when it can begin at `begins`. An end is reachable
  // iff it is from the last begin before it, for limits are monotone; so every
  // unit is added at most once.
  std::vector<bool> Ends(int stage, const std::vector<bool>& begins,
                         const Bound& bound) {
    std::vector<bool> ends(units() + 1, false);
    const int64_t end_max = units() - (stages() - 1 - stage);
    int64_t begin = -1;
    for (int64_t unit = stage; unit < end_max; ++unit) {
      if (begins[unit]) {
        begin = unit;
        limit_.Begin(stage);
      }
      if (begin < 0) continue;
      if (IsWithin(stage, begin, unit + 1, bound) && limit_.Add(unit)) {
        ends[unit + 1] = true;
      } else {
        begin = -1;
      }
    }
    return ends;
  }

  bool IsWithin(int stage, int64_t begin, int64_t end,
                const Bound& bound) const {
    return end - begin <= bound.units && Time(stage, begin, end) <= bound.time;
  }

  // Goes from right to left, giving each stage its share of what is left, or as
  // nearly as can be: a stage may begin wherever the one before can end.
  std::vector<int64_t> Spread(const std::vector<std::vector<bool>>& reachable,
                              const Bound& bound) {
    std::vector<int64_t> cuts(stages() + 1, units());
    for (int stage = stages() - 1; stage >= 0; --stage) {
      const int64_t end = cuts[stage + 1];
      const int64_t wanted =
          end - std::llround(static_cast<double>(end) / (stage + 1));
      int64_t best = -1;
      limit_.Begin(stage);
      for (int64_t begin = end - 1; begin >= 0; --begin) {
        if (!IsWithin(stage, begin, end, bound) || !limit_.Add(begin)) break;
        if (!reachable[stage][begin]) continue;
        if (best >= 0 && std::abs(begin - wanted) > std::abs(best - wanted)) {
          break;
        }
        best = begin;
      }
      cuts[stage] = best;
    }
    return cuts;
  }

  double LeastTime(double possible) {
    double impossible = -1;
    while (true) {
      const double middle = impossible + (possible - impossible) / 2;
      if (middle <= impossible || middle >= possible) return possible;
      const auto cuts = Fill({.time = middle});
      if (cuts.has_value()) {
        possible = SlowestTime(*cuts);
      } else {
        impossible = middle;
      }
    }
  }

  int64_t LeastUnits(Bound bound) {
    int64_t least = 1;
    int64_t most = units();
    while (least < most) {
      bound.units = (least + most) / 2;
      if (Fill(bound).has_value()) {
        most = bound.units;
      } else {
        least = bound.units + 1;
      }
    }
    return least;
  }

  const std::vector<double>& speeds_;
  StageLimit& limit_;
  std::vector<double> cost_before_;  // Sum of the costs of the units before.
};

}  // namespace

absl::StatusOr<std::vector<int64_t>> Partition(const PartitionProblem& problem,
                                               StageLimit& limit) {
  if (problem.speeds.empty() || problem.speeds.size() > problem.costs.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} units cannot be cut into {} stages",
                    problem.costs.size(), problem.speeds.size()));
  }
  return Partitioner(problem, limit).Run();
}

}  // namespace penstock
