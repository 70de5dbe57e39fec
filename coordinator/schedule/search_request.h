#ifndef COORDINATOR_SCHEDULE_SEARCH_REQUEST_H_
#define COORDINATOR_SCHEDULE_SEARCH_REQUEST_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/search_options.h"

namespace penstock {

// The instance that `request` describes for the schedule called `name`, whose
// ranks may each hold `activations_max` activations, all of one size. Without
// costs F = I = W = 1 and hops are free.
//
// Requires that CheckFields accepts `request`.
//
// Errors:
//   InvalidArgument: activations_max, weight_input_share, or the costs cannot
//     be; names the value and the nearest legal one.
absl::StatusOr<PipelineInstance> InstanceOf(std::string_view name,
                                            const ScheduleRequest& request,
                                            Placement placement,
                                            int stages_per_rank,
                                            int activations_max);

// How generators search: for the span, with the request's evaluations or about
// as many as take a second, fewer the longer the schedule is.
SearchOptions GeneratorSearch(const ScheduleRequest& request,
                              const PipelineInstance& instance);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SEARCH_REQUEST_H_
