#ifndef COORDINATOR_PLANNER_SEARCH_PLAN_H_
#define COORDINATOR_PLANNER_SEARCH_PLAN_H_

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/schedule/pipeline_instance.h"
#include "proto/plan.h"

namespace penstock {

// Plan::schedule of those whose schedule a search has made.
inline constexpr std::string_view kSynthesized = "synthesized";

// How a search for a job's schedule knows about the job.
struct PlanProblem {
  // What to search for: the stages of a plan, their times and memory.
  std::function<PipelineInstance(const Plan& plan)> instance;
  // The plan's stages under other programs, of F, I and W.
  //
  // Errors:
  //   FailedPrecondition: they need more memory than the devices have.
  std::function<absl::StatusOr<Plan>(const Plan& plan,
                                     std::vector<std::vector<Action>> programs)>
      with_programs;
};

struct SearchedPlans {
  std::vector<Plan> plans;  // With schedules made for them, one per placement.
  int schedules = 0;        // That were made and timed.
  // No schedule with the stages of any plan that was searched from has all
  // passes done sooner after a step's begin; none when none was.
  std::optional<absl::Duration> lower_bound;
};

// Looks for schedules better than those of `named` plans, the best first, on
// the placements of the best three: with their stages, by SearchSchedule, which
// starts from all of `named` with the same stages that add up weight gradients
// in the order of the micro-batches; so do its schedules. A fixed number of
// schedules is tried, fewer the longer they are, so that the same plans give
// the same answer: about half a million actions per placement, a tenth of a
// second.
//
// Plans whose passes are made again, or that hold the model twice, are not
// searched from; nor are those with more than ten thousand passes.
SearchedPlans SearchPlans(const std::vector<Plan>& named,
                          const PlanProblem& problem);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SEARCH_PLAN_H_
