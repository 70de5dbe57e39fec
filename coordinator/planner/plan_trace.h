#ifndef COORDINATOR_PLANNER_PLAN_TRACE_H_
#define COORDINATOR_PLANNER_PLAN_TRACE_H_

#include <cstddef>

#include "proto/metrics.h"
#include "proto/plan.h"

namespace penstock {

// Whether the trace is of the plan's programs: another revision has others.
inline bool IsTraceOf(const Plan& plan, const StepTrace& trace) {
  return trace.revision == plan.revision && trace.rank >= 0 &&
         trace.rank < static_cast<int>(plan.ranks.size()) &&
         trace.begin_us.size() == plan.ranks[trace.rank].program.size() &&
         trace.end_us.size() == trace.begin_us.size();
}

// Of the i-th action, in seconds on the rank's clock.
inline double BeginOf(const StepTrace& trace, size_t i) {
  return (static_cast<double>(trace.start_us) + trace.begin_us[i]) / 1e6;
}
inline double EndOf(const StepTrace& trace, size_t i) {
  return (static_cast<double>(trace.start_us) + trace.end_us[i]) / 1e6;
}

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_PLAN_TRACE_H_
