#ifndef WORKER_LINK_LINK_H_
#define WORKER_LINK_LINK_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace penstock {

// Names one message between two peers. Sender and receiver derive it from their
// programs, so nothing is matched by order of arrival. A pair of peers uses a
// key once per step.
struct MessageKey {
  uint64_t step = 0;
  uint64_t tag = 0;  // What it is, within the step; the runtime's choice.

  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};

// Moves bytes between the executors of one plan. Both ends name a message by
// its key; the receiver posts a buffer first, and only then does the message
// travel (credit-based flow control: what is in flight has a place to land).
// Posting and offering never block, so transfers overlap with whatever the
// caller does next. Implementations: local (threads of one process), gRPC, and
// NCCL between CUDA devices. All pass tests/conformance/link_conformance.
//
// Peers are numbered by the plan: replica * ranks + rank.
//
// Thread-safe. Buffers belong to the link from PostReceive or Send until the
// matching wait returns OK or FailedPrecondition; after a wait that failed
// otherwise, until the link is destroyed. A wait that only ran out of time may
// be repeated.
//
// Errors of every method:
//   Aborted, or what Abort was called with: the link was aborted, or the peer
//     refused this executor, e.g. for its epoch.
//   Unavailable: the peer is gone; the message names it. A message that was
//     complete before is still handed over.
//   InvalidArgument: no such peer, or the key is in use.
class Link {
 public:
  virtual ~Link() = default;

  // Offers `bytes` to `peer` under `key`.
  virtual absl::Status Send(int peer, const MessageKey& key,
                            std::span<const std::byte> bytes) = 0;

  // Waits until the message has left `bytes`, which may then be reused.
  //
  // Errors:
  //   DeadlineExceeded: not by `deadline` (of SteadyNow).
  //   FailedPrecondition: the receiver's buffer has another size.
  //   NotFound: nothing was sent under that key, or it was waited for before.
  virtual absl::Status WaitSent(int peer, const MessageKey& key,
                                absl::Time deadline) = 0;

  // Gives the buffer that the message `key` from `peer` fills.
  virtual absl::Status PostReceive(int peer, const MessageKey& key,
                                   std::span<std::byte> bytes) = 0;

  // Waits until the posted buffer is filled.
  //
  // Errors: as for WaitSent.
  virtual absl::Status WaitReceived(int peer, const MessageKey& key,
                                    absl::Time deadline) = 0;

  // Makes every pending and future call return `reason` at once. Only the first
  // call counts.
  virtual void Abort(const absl::Status& reason) = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_LINK_H_
