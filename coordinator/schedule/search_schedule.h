#ifndef COORDINATOR_SCHEDULE_SEARCH_SCHEDULE_H_
#define COORDINATOR_SCHEDULE_SEARCH_SCHEDULE_H_

#include <vector>

#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/search_options.h"

namespace penstock {

// The best schedule found for one placement, times and memory: by list
// scheduling (SearchRules), from warm-up orders and repeating patterns
// (order_search.h), from `starts`, which are complete programs of F's and
// either B's or I's and W's; by justification of these and of what was found
// (SearchJustified); and at last by moves of single actions (SearchLists).
// Never worse than any of `starts` that keeps to the memory; B's are split.
//
// Requires what ListScheduler requires.
FoundSchedule SearchSchedule(
    const PipelineInstance& instance,
    const std::vector<std::vector<std::vector<Action>>>& starts,
    const SearchOptions& options);

// Of `found`, with the instance's placement.
Schedule ToSchedule(const PipelineInstance& instance,
                    std::vector<std::vector<Action>> programs);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SEARCH_SCHEDULE_H_
