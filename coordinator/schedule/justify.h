#ifndef COORDINATOR_SCHEDULE_JUSTIFY_H_
#define COORDINATOR_SCHEDULE_JUSTIFY_H_

#include <array>
#include <optional>
#include <vector>

#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// An action and when it ends, in any one unit and from any one origin.
struct EndingAction {
  Action action;  // F, I or W.
  double end = 0;
};

// What is added to an action's time before actions are put in order: per kind
// (F, I, W) and stage. Empty: nothing.
using OrderBias = std::array<std::vector<double>, 3>;

// Double justification of a schedule (Valls, Ballestin & Quintanilla 2005,
// "Justification and RCPSP"): moves every action, the last first, as late as
// what needs it, its rank and its rank's memory allow, and then every action,
// the first first, as early as possible. What the end of the schedule does not
// wait for moves out of the way of what it does.
//
// `actions` are all of the schedule's with their ends, of equal ends the later
// of a rank first; `late` and `early` change the order of the first move and of
// the second. The micro-batches of a stage keep their order, F, I and W each.
// Links are as if they carried everything at once.
//
// Nothing when the memory cannot do with the order.
std::optional<std::vector<std::vector<Action>>> Justify(
    const PipelineInstance& instance, std::vector<EndingAction> actions,
    const OrderBias& late = {}, const OrderBias& early = {});

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_JUSTIFY_H_
