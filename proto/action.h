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
  kRecompute,        // R: F again, from the kept input; see below.
  kSendForward,      // SEND_F: offers the output of this stage.
  kReceiveForward,   // RECV_F: posts the buffer for the input of this stage.
  kSendBackward,     // SEND_B: offers the gradient of this stage's input.
  kReceiveBackward,  // RECV_B: posts the buffer for the output's gradient.
  kReduceGradient,   // REDUCE_GRAD: starts the sum over replicas.
  kReduceTied,       // REDUCE_TIED: adds up the gradients of a tied weight.
  kReduceCopy,       // REDUCE_COPY: adds up the gradients of a stage's copies.
  kUpdate,           // UPDATE: makes this weight version of one stage.
  kUnshard,          // UNSHARD: gathers the weights of a sharded stage.
  kReshard,          // RESHARD: frees them again.
  kOptimizer,        // OPTIMIZER: norm over all ranks, clip, update. No stage.
};

// One entry of a rank's program. Stages and micro-batches count from 0; a stage
// index is global, i.e. it names a slice of the model, not of a rank.
//
// A micro-batch that has an R on a stage keeps only its input between F and R.
struct Action {
  int stage = 0;  // -1 for OPTIMIZER, which concerns the whole rank.
  ActionKind kind = ActionKind::kForward;
  // -1 for reductions, UNSHARD, RESHARD and OPTIMIZER; the version that it
  // makes for UPDATE.
  int microbatch = 0;
  // Of the weights that F, R, B, I and W use; version n is made by the n-th
  // UPDATE of the stage in this step, 0 is what the step began with. -1: there
  // are no versions, the step has one set of weights.
  int16_t version = -1;
  // Which of the pieces that a micro-batch's sequence is cut into; -1: whole.
  int8_t piece = -1;
  // This action and the next of the program, an F and a B, are one compound
  // action, whose kernels may overlap.
  bool overlaps_next = false;

  friend bool operator==(const Action&, const Action&) = default;
};

// True for F, B, I, W and R: what keeps the device busy.
bool IsCompute(ActionKind kind);
bool IsSend(ActionKind kind);
bool IsReceive(ActionKind kind);

// The text form is <stage><kind><microbatch>: "2F0" is stage 2's forward pass
// of micro-batch 0, "1SEND_F3" and "2RECV_F3" are the two ends of one transfer,
// "0REDUCE_GRAD" has no micro-batch, "OPTIMIZER" no stage either. A piece of a
// micro-batch follows it, "2F0.1", and a version follows that, "2F0@3".
// `ParseAction` is the exact inverse of `ToString`, but for `overlaps_next`,
// which belongs to a program.
std::string ToString(const Action& action);

// Errors:
//   InvalidArgument: `text` is not of the form above, whole.
absl::StatusOr<Action> ParseAction(std::string_view text);

// Actions separated by single spaces, compound ones as
// "(4F4;3B0)OVERLAP_F_B". `ParseProgram` is the exact inverse of `ToString`.
std::string ToString(const std::vector<Action>& program);
absl::StatusOr<std::vector<Action>> ParseProgram(std::string_view text);

}  // namespace penstock

#endif  // PROTO_ACTION_H_
