#ifndef COORDINATOR_SCHEDULE_RULE_SEARCH_H_
#define COORDINATOR_SCHEDULE_RULE_SEARCH_H_

#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/search_options.h"

namespace penstock {

// The best schedule that list scheduling finds: first over families of rules
// with few numbers (in-flight caps that fall linearly from the first stage to
// the last, W's that may wait, the share of a gap that they fill, patience,
// group size, which stage goes first), one number at a time from several
// starts; then by random changes of the rules of single ranks.
//
// Requires what ListScheduler requires.
FoundSchedule SearchRules(const PipelineInstance& instance,
                          const SearchOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_RULE_SEARCH_H_
