#include "coordinator/schedule/synthesize.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "coordinator/schedule/explain_loss.h"
#include "coordinator/schedule/lower_bound.h"
#include "coordinator/schedule/named_schedules.h"
#include "coordinator/schedule/search_schedule.h"
#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/synthesis_placements.h"
#include "fmt/format.h"
#include "proto/base/random.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

using Programs = std::vector<std::vector<Action>>;

constexpr double kNone = std::numeric_limits<double>::infinity();

// A schedule that may win, and where it is placed.
struct Candidate {
  std::string name;
  size_t placed = 0;
  Schedule schedule;
  double value = kNone;
  bool searched = false;
};

class Synthesis {
 public:
  Synthesis(const SynthesizeRequest& request,
            std::vector<PlacedInstance> placed)
      : request_(request), placed_(std::move(placed)) {}

  absl::StatusOr<SynthesizeResult> Run() {
    RETURN_IF_ERROR(TakeNamed());
    RETURN_IF_ERROR(SearchAll());
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.value < b.value;
                     });
    return Report();
  }

 private:
  // Named schedules of all placements, and what became of the others.
  absl::Status TakeNamed() {
    for (size_t i = 0; i < placed_.size(); ++i) {
      std::vector<NamedAttempt> attempts = GenerateNamed(placed_[i]);
      for (NamedAttempt& attempt : attempts) {
        NamedSchedule named{attempt.name, placed_[i].stages_per_rank, -1,
                            attempt.refusal};
        if (attempt.refusal.empty()) {
          ASSIGN_OR_RETURN(named.value, ValueOf(attempt.schedule, i));
          ++evaluations_;
          candidates_.push_back({attempt.name, i, std::move(attempt.schedule),
                                 named.value, false});
        }
        named_.push_back(std::move(named));
      }
    }
    std::stable_sort(named_.begin(), named_.end(),
                     [](const NamedSchedule& a, const NamedSchedule& b) {
                       return (a.value < 0 ? kNone : a.value) <
                              (b.value < 0 ? kNone : b.value);
                     });
    return absl::OkStatus();
  }

  // Half of the evaluations on all placements alike, the rest on the best.
  absl::Status SearchAll() {
    const int share = std::max(
        1, request_.evaluations / 2 / static_cast<int>(placed_.size()));
    size_t best = 0;
    double best_value = kNone;
    for (size_t i = 0; i < placed_.size(); ++i) {
      ASSIGN_OR_RETURN(const double value, Search(i, share, request_.seed));
      if (value >= best_value) continue;
      best_value = value;
      best = i;
    }
    const int rest = request_.evaluations - evaluations_;
    if (rest < 1) return absl::OkStatus();
    return Search(best, rest, Mix64(request_.seed + 1)).status();
  }

  // Starts from the placement's candidates so far.
  absl::StatusOr<double> Search(size_t i, int evaluations, uint64_t seed) {
    std::vector<Programs> starts;
    for (const Candidate& candidate : candidates_) {
      if (candidate.placed == i) starts.push_back(candidate.schedule.programs);
    }
    const PipelineInstance& instance = placed_[i].instance;
    FoundSchedule found = SearchSchedule(instance, starts,
                                         {.objective = request_.objective,
                                          .evaluations = evaluations,
                                          .seed = seed,
                                          .stop = request_.stop});
    evaluations_ += found.evaluations;
    Candidate candidate{
        "auto", i, ToSchedule(instance, std::move(found.programs)), 0, true};
    ASSIGN_OR_RETURN(candidate.value, ValueOf(candidate.schedule, i));
    candidates_.push_back(std::move(candidate));
    return candidates_.back().value;
  }

  absl::StatusOr<double> ValueOf(const Schedule& schedule, size_t i) const {
    ASSIGN_OR_RETURN(const Simulation simulation,
                     Simulate(schedule, placed_[i].instance.costs));
    return request_.objective == Objective::kSpan ? simulation.span_max
                                                  : simulation.makespan;
  }

  std::string NameOf(const Candidate& candidate) const {
    if (!candidate.searched) return candidate.name;
    const PlacedInstance& placed = placed_[candidate.placed];
    const char* shape = placed.placement == Placement::kLoop ? "loop"
                        : placed.placement == Placement::kWave
                            ? "wave"
                            : "bidirectional";
    return fmt::format("the search on a {} of {} per rank", shape,
                       placed.stages_per_rank);
  }

  absl::StatusOr<SynthesizeResult> Report() {
    // Equal values: a schedule with a name is easier to talk about.
    const Candidate* winner = &candidates_[0];
    for (const Candidate& candidate : candidates_) {
      if (candidate.value > winner->value) break;
      if (winner->searched && !candidate.searched) winner = &candidate;
    }
    SynthesizeResult result;
    result.value = winner->value;
    result.searched = winner->searched;
    result.placement = placed_[winner->placed].placement;
    result.costs = placed_[winner->placed].instance.costs;
    result.named = std::move(named_);
    result.evaluations = evaluations_;
    result.lower_bound = kNone;
    for (const PlacedInstance& placed : placed_) {
      result.lower_bound = std::min(
          result.lower_bound, LowerBound(placed.instance, request_.objective));
    }
    RETURN_IF_ERROR(NameRunnerUp(*winner, result));
    result.schedule = winner->schedule;
    return result;
  }

  // The best candidate that is not the same search or name as the winner.
  absl::Status NameRunnerUp(const Candidate& winner,
                            SynthesizeResult& result) const {
    for (const Candidate& candidate : candidates_) {
      if (NameOf(candidate) == NameOf(winner)) continue;
      result.runner_up = NameOf(candidate);
      result.runner_up_value = candidate.value;
      ASSIGN_OR_RETURN(
          result.why,
          ExplainLoss(winner.schedule, placed_[winner.placed].instance.costs,
                      candidate.schedule,
                      placed_[candidate.placed].instance.costs));
      return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  const SynthesizeRequest& request_;
  const std::vector<PlacedInstance> placed_;
  std::vector<Candidate> candidates_;
  std::vector<NamedSchedule> named_;
  int evaluations_ = 0;
};

}  // namespace

absl::StatusOr<SynthesizeResult> Synthesize(const SynthesizeRequest& request) {
  ASSIGN_OR_RETURN(std::vector<PlacedInstance> placed, PlaceSlices(request));
  return Synthesis(request, std::move(placed)).Run();
}

}  // namespace penstock
