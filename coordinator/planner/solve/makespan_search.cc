#include "coordinator/planner/solve/makespan_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/planner/solve/candidates.h"
#include "coordinator/planner/solve/cut_search.h"
#include "fmt/format.h"

namespace penstock {
namespace {

constexpr size_t kAlternativesMax = 256;

// What the search knows of one candidate.
struct Track {
  Incumbent found;
  bool tried = false;
  bool exhausted = false;  // Nothing of it is better than the best value.
};

class MakespanSearch {
 public:
  MakespanSearch(const SolveProblem& problem, const TickScale& scale)
      : problem_(problem),
        scale_(scale),
        candidates_(EnumerateCandidates(problem, scale)),
        tracks_(candidates_.possible.size()),
        budget_(problem.budget - candidates_.actions) {}

  absl::StatusOr<Solution> Run() {
    ImproveAll();
    ProveAll();
    if (best_ < 0) return Refusal();
    return Describe();
  }

 private:
  const Candidate& candidate(size_t i) const { return candidates_.possible[i]; }
  StageModel ModelOf(size_t i) const {
    return {problem_, candidate(i).choice.micro_batch_size};
  }
  double BestValue() const {
    return best_ < 0 ? std::numeric_limits<double>::infinity()
                     : tracks_[best_].found.makespan;
  }
  bool IsPruned(size_t i) const {
    return static_cast<double>(candidate(i).lower_bound) >= BestValue();
  }

  void ImproveAll() {
    int64_t budget = budget_ - problem_.budget / 2;
    // Each schedule is tried once, so that there is a value to compare with.
    std::set<std::string> seen;
    for (size_t i = 0; i < tracks_.size(); ++i) {
      const bool is_new = !seen.contains(candidate(i).choice.schedule);
      if (budget <= 0 || (IsPruned(i) && !is_new)) continue;
      const StageModel model = ModelOf(i);
      const int64_t before = budget;
      CutSearch(problem_, model, scale_, candidate(i), budget)
          .Improve(tracks_[i].found);
      budget_ -= before - budget;
      tracks_[i].tried = true;
      if (std::isfinite(tracks_[i].found.makespan)) {
        seen.insert(candidate(i).choice.schedule);
      }
      if (tracks_[i].found.makespan < BestValue()) best_ = static_cast<int>(i);
    }
  }

  void ProveAll() {
    for (size_t i = 0; i < tracks_.size(); ++i) {
      if (budget_ <= 0) return;
      if (IsPruned(i)) continue;
      const StageModel model = ModelOf(i);
      Incumbent incumbent;
      incumbent.makespan = BestValue();
      tracks_[i].exhausted =
          CutSearch(problem_, model, scale_, candidate(i), budget_)
              .Exhaust(incumbent) &&
          candidate(i).orders.complete;
      if (!tracks_[i].tried) tracks_[i].found.failure = incumbent.failure;
      tracks_[i].tried = true;
      if (incumbent.makespan >= BestValue()) continue;
      tracks_[i].found = std::move(incumbent);
      best_ = static_cast<int>(i);
    }
  }

  // Of every candidate that could still hold something better.
  double LowerBound() const {
    double bound = BestValue();
    for (size_t i = 0; i < tracks_.size(); ++i) {
      if (tracks_[i].exhausted || IsPruned(i)) continue;
      bound = std::min(bound, static_cast<double>(candidate(i).lower_bound));
    }
    return bound;
  }

  absl::StatusOr<Solution> Describe() const {
    const Incumbent& best = tracks_[best_].found;
    Solution solution{.choice = candidate(best_).choice,
                      .stages = best.evaluation.laid_out.stages,
                      .ranks = best.evaluation.laid_out.ranks,
                      .value = scale_.ToText(std::llround(best.makespan)),
                      .value_us = scale_.ToMicroseconds(best.makespan),
                      .exact = scale_.exact(),
                      .bubble_fraction = best.evaluation.bubble_fraction,
                      .budget = problem_.budget};
    // What was not even enumerated has no bound.
    const double bound = candidates_.complete ? LowerBound() : 0;
    solution.optimal = candidates_.complete && bound >= best.makespan &&
                       best.evaluation.laid_out.recomputes_least;
    solution.lower_bound_us = scale_.ToMicroseconds(bound);
    solution.gap = bound > 0 ? best.makespan / bound - 1 : 0;
    solution.alternatives = Alternatives();
    solution.work = problem_.budget - std::max<int64_t>(budget_, 0);
    return solution;
  }

  std::string WhyWorse(size_t i) const {
    const Incumbent& found = tracks_[i].found;
    if (!std::isfinite(found.makespan)) {
      if (!found.failure.empty()) return found.failure;
      return IsPruned(i)
                 ? fmt::format("no step can be below {:.6g} us",
                               scale_.ToMicroseconds(static_cast<double>(
                                   candidate(i).lower_bound)))
                 : "not tried: options.budget is used up";
    }
    const Incumbent& best = tracks_[best_].found;
    if (found.makespan == best.makespan) return "as fast; the first was taken";
    const auto us = [&](double ticks) { return scale_.ToMicroseconds(ticks); };
    return fmt::format(
        "{:.2f} % slower: its busiest rank works {:.6g} us and waits {:.6g}, "
        "the chosen one's {:.6g} and {:.6g}",
        100 * (found.makespan / best.makespan - 1),
        us(found.evaluation.busy_max),
        us(found.makespan - found.evaluation.busy_max),
        us(best.evaluation.busy_max),
        us(best.makespan - best.evaluation.busy_max));
  }

  // The fastest first, then what has no value.
  std::vector<SolveAlternative> Alternatives() const {
    std::vector<SolveAlternative> all;
    for (size_t i = 0; i < tracks_.size(); ++i) {
      if (static_cast<int>(i) == best_) continue;
      const double value = tracks_[i].found.makespan;
      all.push_back(
          {.choice = candidate(i).choice,
           .has_value = std::isfinite(value),
           .value_us = std::isfinite(value) ? scale_.ToMicroseconds(value) : 0,
           .reason = WhyWorse(i)});
    }
    for (const Impossible& impossible : candidates_.impossible) {
      all.push_back({.choice = impossible.choice, .reason = impossible.reason});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const SolveAlternative& a, const SolveAlternative& b) {
                       if (a.has_value != b.has_value) return a.has_value;
                       return a.has_value && a.value_us < b.value_us;
                     });
    if (all.size() > kAlternativesMax) all.resize(kAlternativesMax);
    return all;
  }

  absl::Status Refusal() const {
    std::string reason = "nothing was tried";
    std::string schedule;
    if (!candidates_.impossible.empty()) {
      schedule = candidates_.impossible[0].choice.schedule;
      reason = candidates_.impossible[0].reason;
    }
    for (size_t i = 0; i < tracks_.size(); ++i) {
      if (tracks_[i].found.failure.empty()) continue;
      schedule = candidate(i).choice.schedule;
      reason = tracks_[i].found.failure;
      break;
    }
    return absl::FailedPreconditionError(
        fmt::format("none of {} ways to run the model is possible{}{}: {}",
                    candidates_.possible.size() + candidates_.impossible.size(),
                    schedule.empty() ? "" : "; with ", schedule, reason));
  }

  const SolveProblem& problem_;
  const TickScale& scale_;
  const Candidates candidates_;
  std::vector<Track> tracks_;
  int64_t budget_;
  int best_ = -1;
};

}  // namespace

absl::StatusOr<Solution> SolveMakespan(const SolveProblem& problem,
                                       const TickScale& scale) {
  return MakespanSearch(problem, scale).Run();
}

}  // namespace penstock
