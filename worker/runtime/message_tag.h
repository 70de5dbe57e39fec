#ifndef WORKER_RUNTIME_MESSAGE_TAG_H_
#define WORKER_RUNTIME_MESSAGE_TAG_H_

#include <cstdint>

#include "worker/link/link.h"

namespace penstock {

// What a message between two executors is for; with stage and index it names
// the message within a step. The sums of a bidirectional schedule's copies name
// the slice of the model in place of a stage.
enum class MessageKind : uint8_t {
  kActivation = 1,    // Output of `stage` for micro-batch `index`.
  kGradient = 2,      // Gradient of the input of `stage`, micro-batch `index`.
  kReduceShare = 3,   // A replica's share of gradient chunk `index`.
  kReduceResult = 4,  // The sum of gradient chunk `index`.
  kTiedGradient = 5,  // Of the tied weight as `stage` has it.
  kStepReport = 6,    // To the leader, at the end of a step.
  kStepDecision = 7,  // From the leader.
  // As kActivation, after an update that had to be redone; see Speculation.
  kActivationAgain = 8,
  kCopyShare = 9,    // As kReduceShare, of one of the copies of a slice.
  kCopyResult = 10,  // As kReduceResult, likewise.
};

inline MessageKey MakeKey(int64_t step, MessageKind kind, int stage,
                          int64_t index) {
  return {.step = static_cast<uint64_t>(step),
          .tag = static_cast<uint64_t>(kind) << 56 |
                 static_cast<uint64_t>(stage & 0xffffff) << 32 |
                 static_cast<uint64_t>(index & 0xffffffff)};
}

// Whether the message is a tensor, in the device's memory; else it is made and
// read by the host.
inline bool IsTensor(const MessageKey& key) {
  const auto kind = static_cast<MessageKind>(key.tag >> 56);
  return kind != MessageKind::kStepReport && kind != MessageKind::kStepDecision;
}

}  // namespace penstock

#endif  // WORKER_RUNTIME_MESSAGE_TAG_H_
