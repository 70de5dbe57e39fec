#ifndef COORDINATOR_SCHEDULE_JUSTIFICATION_SEARCH_H_
#define COORDINATOR_SCHEDULE_JUSTIFICATION_SEARCH_H_

#include <vector>

#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/search_options.h"

namespace penstock {

// Improves schedules by justifying them again and again (see Justify), each
// time in an order that is changed at random for some kinds of actions on some
// ranks, smoothly from rank to rank. What is no worse is gone on from. Half of
// the evaluations go to all of `starts` alike, the rest to the best of them.
//
// Returns the best that it made, which may be worse than a start. Same
// arguments, same result.
//
// Requires `starts` (F, I and W) to be complete and executable within the
// memory.
FoundSchedule SearchJustified(
    const PipelineInstance& instance,
    const std::vector<std::vector<std::vector<Action>>>& starts,
    const SearchOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_JUSTIFICATION_SEARCH_H_
