#ifndef PROTO_ACTION_H_
#define PROTO_ACTION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock {

// What one rank does to one micro-batch on one stage, or once per step.
//
// The letters are those of torch.distributed.pipelining, so that schedules can
// be compared as text. (The zero-bubble paper, Qi et al. 2024, writes B for
// what is I here.)
enum class ActionKind : uint8_t {
  kForward,          // F
  kBackward,         // B: I then W, layer by layer.
  kBackwardInput,    // I: gradient of the stage's input only.
  kBackwardWeight,   // W: gradients of the weights, after I.
  kSendForward,      // SEND_F: offers the output of this stage.
  kReceiveForward,   // RECV_F: posts the buffer for the input of this stage.
  kSendBackward,     // SEND_B: offers the gradient of this stage's input.
  kReceiveBackward,  // RECV_B: posts the buffer for the output's gradient.
  kReduceGradient,   // REDUCE_GRAD: starts the sum over replicas.
  kReduceTied,       // REDUCE_TIED: adds up the gradients of a tied weight.
  kOptimizer,        // OPTIMIZER: norm over all ranks, clip, update. No stage.
};

// One entry of a rank's program. Stages and micro-batches count from 0; a stage
// index is global, i.e. it names a slice of the model, not of a rank.
struct Action {
  int stage = 0;  // -1 for OPTIMIZER, which concerns the whole rank.
  ActionKind kind = ActionKind::kForward;
  int microbatch = 0;  // -1 for REDUCE_GRAD, REDUCE_TIED and OPTIMIZER.

  friend bool operator==(const Action&, const Action&) = default;
};

// True for F, B, I and W: what keeps the device busy.
bool IsCompute(ActionKind kind);
bool IsSend(ActionKind kind);
bool IsReceive(ActionKind kind);

// The text form is <stage><kind><microbatch>: "2F0" is stage 2's forward pass
// of micro-batch 0, "1SEND_F3" and "2RECV_F3" are the two ends of one transfer,
// "0REDUCE_GRAD" has no micro-batch, "OPTIMIZER" no stage either. `ParseAction`
// is the exact inverse of `ToString`.
std::string ToString(const Action& action);

// Errors:
//   InvalidArgument: `text` is not of the form above, whole.
absl::StatusOr<Action> ParseAction(std::string_view text);

// Actions separated by single spaces.
std::string ToString(const std::vector<Action>& program);
absl::StatusOr<std::vector<Action>> ParseProgram(std::string_view text);

}  // namespace penstock

#endif  // PROTO_ACTION_H_
