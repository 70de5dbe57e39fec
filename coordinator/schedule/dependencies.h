#ifndef COORDINATOR_SCHEDULE_DEPENDENCIES_H_
#define COORDINATOR_SCHEDULE_DEPENDENCIES_H_

#include <optional>

#include "coordinator/schedule/action_table.h"
#include "coordinator/schedule/topology.h"

namespace penstock {

// What must come before what, in every schedule. Of stage s, micro-batch j,
// piece q:
//   F  after F of stage s - 1, unless s is the first of its copy, and after F
//      of piece q - 1;
//   R  after F;
//   B, I  after F, after R if there is one, after B or I of stage s + 1, unless
//      s is the last of its copy, and after B or I of piece q + 1;
//   W  after I;
//   SEND_F  after F, SEND_B  after B or I;
//   UPDATE  of a stage after the backward passes whose gradients it applies,
//      which are those between it and the stage's UPDATE before.
// That R comes before B or I, and what concerns UPDATE, holds or not within one
// program; CheckWellFormed sees to it. The rest is here.

// Where what an action needs from a neighbouring stage is made.
enum class InputFrom {
  kNowhere,
  kBefore,  // The output of the stage before, made by its F.
  kAfter,   // The gradient of the output, made by the stage after's B or I.
};

inline InputFrom InputOf(const StageLinks& links, ActionKind kind) {
  if (kind == ActionKind::kForward) {
    return links.has_before ? InputFrom::kBefore : InputFrom::kNowhere;
  }
  const bool gradient =
      kind == ActionKind::kBackward || kind == ActionKind::kBackwardInput;
  return gradient && links.has_after ? InputFrom::kAfter : InputFrom::kNowhere;
}

// Whether the neighbouring stage has made what `action` needs from it; true
// when it needs nothing.
inline bool HasInput(const Topology& topology, const ActionTable& done,
                     const Action& action) {
  switch (InputOf(topology[action.stage], action.kind)) {
    case InputFrom::kBefore:
      return done.Has(topology.CellBefore(topology.Cell(action)),
                      ActionKind::kForward);
    case InputFrom::kAfter:
      return done.HasBackward(topology.CellAfter(topology.Cell(action)));
    case InputFrom::kNowhere:
      break;
  }
  return true;
}

// The action of its own stage, the first of those above, that must come before
// `action` and is not `done`. B stands for I, too.
inline std::optional<Action> LocalBlocker(const Topology& topology,
                                          const ActionTable& done,
                                          const Action& action) {
  const auto blocker = [&](ActionKind kind, int piece) {
    return Action{.stage = action.stage,
                  .kind = kind,
                  .microbatch = action.microbatch,
                  .piece = static_cast<int8_t>(piece)};
  };
  const size_t cell = topology.Cell(action);
  switch (action.kind) {
    case ActionKind::kForward:
      if (action.piece <= 0 || done.Has(cell - 1, ActionKind::kForward)) break;
      return blocker(ActionKind::kForward, action.piece - 1);
    case ActionKind::kBackward:
    case ActionKind::kBackwardInput:
      if (!done.Has(cell, ActionKind::kForward)) {
        return blocker(ActionKind::kForward, action.piece);
      }
      if (action.piece < 0 || action.piece + 1 == topology.pieces() ||
          done.HasBackward(cell + 1)) {
        break;
      }
      return blocker(ActionKind::kBackward, action.piece + 1);
    case ActionKind::kBackwardWeight:
      if (done.Has(cell, ActionKind::kBackwardInput)) break;
      return blocker(ActionKind::kBackwardInput, action.piece);
    case ActionKind::kRecompute:
    case ActionKind::kSendForward:
      if (done.Has(cell, ActionKind::kForward)) break;
      return blocker(ActionKind::kForward, action.piece);
    case ActionKind::kSendBackward:
      if (done.HasBackward(cell)) break;
      return blocker(ActionKind::kBackward, action.piece);
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_DEPENDENCIES_H_
