#ifndef COORDINATOR_SCHEDULE_SYNTHESIZE_H_
#define COORDINATOR_SCHEDULE_SYNTHESIZE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/synthesize_request.h"

namespace penstock {

// One schedule that was looked at by name, or what became of it.
struct NamedSchedule {
  std::string name;
  int stages_per_rank = 0;
  double value = -1;    // Of the objective; below 0: not taken.
  std::string refusal;  // Why not.
};

struct SynthesizeResult {
  Schedule schedule;    // Compute-only.
  ScheduleCosts costs;  // Of its stages.
  Placement placement = Placement::kLoop;
  double value = 0;  // Of the objective, as Simulate gives it.
  // Made by the search; else `schedule` is the best named one.
  bool searched = false;
  std::vector<NamedSchedule> named;  // Best first, those not taken last.
  // No schedule of any placement tried gets below; see LowerBound.
  double lower_bound = 0;
  // Which schedule came second, its value, and why it lost; empty when nothing
  // else was possible.
  std::string runner_up;
  double runner_up_value = 0;
  std::string why;
  int evaluations = 0;  // Used.

  // The share of `value` above the lower bound.
  double gap() const { return value > 0 ? 1 - lower_bound / value : 0; }
};

// A schedule made for these costs. It starts from every named synchronous
// schedule that is defined for the request and keeps to the memory, on every
// placement (loop, V or wave, and bidirectional with `two_copies`) with every
// number of stages per rank, searches on each (see SearchSchedule), and returns
// the best of all, so never worse than the best named one. Same request, same
// answer.
//
// Errors:
//   InvalidArgument: a number of the request cannot be; names it.
//   ResourceExhausted: no placement fits the memory; names the smallest that
//     would do.
absl::StatusOr<SynthesizeResult> Synthesize(const SynthesizeRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SYNTHESIZE_H_
