#ifndef COORDINATOR_SCHEDULE_EXPLAIN_LOSS_H_
#define COORDINATOR_SCHEDULE_EXPLAIN_LOSS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Why `loser` takes longer than `winner`, in a sentence: which cause of idle
// time (see BubbleCauses) has grown most, on the average of the ranks. `unit`
// is that of the costs, as it is to stand behind a number.
//
// Errors: as Simulate.
absl::StatusOr<std::string> ExplainLoss(const Schedule& winner,
                                        const ScheduleCosts& winner_costs,
                                        const Schedule& loser,
                                        const ScheduleCosts& loser_costs,
                                        std::string_view unit = "");

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_EXPLAIN_LOSS_H_
