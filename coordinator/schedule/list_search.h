#ifndef COORDINATOR_SCHEDULE_LIST_SEARCH_H_
#define COORDINATOR_SCHEDULE_LIST_SEARCH_H_

#include <vector>

#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/search_options.h"

namespace penstock {

// Improves `programs` (F, I and W) by moves of single actions of their critical
// path: an action on which the longest rank waits moves to another place of its
// rank's list. Threshold accepting (Dueck & Scheuer 1990): a move is kept while
// it makes things worse by less than a bound that falls to zero; the best
// schedule that was seen is returned, never one worse than `programs`.
//
// The memory of every rank stays within the instance's. Micro-batches of a
// stage keep their order. Same arguments, same result.
//
// Requires `programs` to be complete, executable and within the memory.
std::vector<std::vector<Action>> SearchLists(
    const PipelineInstance& instance, std::vector<std::vector<Action>> programs,
    const SearchOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LIST_SEARCH_H_
