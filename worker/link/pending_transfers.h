#ifndef WORKER_LINK_PENDING_TRANSFERS_H_
#define WORKER_LINK_PENDING_TRANSFERS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "worker/link/link.h"

namespace penstock {

enum class Direction : uint8_t { kSend, kReceive };

// One message as one of its two ends sees it.
struct TransferId {
  Direction direction = Direction::kSend;
  int peer = 0;
  MessageKey key;

  friend auto operator<=>(const TransferId&, const TransferId&) = default;
};

// "message tag 7 of step 3".
std::string ToString(const MessageKey& key);

// The transfers that one link was asked for, and who waits for them. What every
// link's waits and errors have in common; the bytes are the link's own matter.
//
// Thread-safe.
class PendingTransfers {
 public:
  // For peers 0 to `peers` - 1.
  explicit PendingTransfers(int peers) : failed_(peers), silent_(peers) {}

  // Errors: those of every Link method.
  absl::Status Begin(const TransferId& id);

  // Ends a transfer with what its wait shall return. Without effect when the
  // transfer has ended or was never begun.
  void End(const TransferId& id, const absl::Status& result);

  // Waits for the end, and forgets the transfer.
  //
  // Errors: as Link::WaitSent says.
  absl::Status Wait(const TransferId& id, absl::Time deadline);

  // Ends what is pending with `peer`, now and in future. Only the first call
  // for each peer counts.
  void FailPeer(int peer, const absl::Status& reason);

  // Ends likewise what is to be received from `peer`, which sends no more. What
  // it is sent may still reach it.
  void FailReceives(int peer, const absl::Status& reason);

  // Ends everything, now and in future; only the first call counts.
  void Abort(const absl::Status& reason);

 private:
  struct Transfer {
    bool ended = false;
    absl::Status result;
  };

  // Why `id` cannot end well any more.
  absl::Status ReasonAgainst(const TransferId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::map<TransferId, Transfer> transfers_ ABSL_GUARDED_BY(mutex_);
  absl::Status aborted_ ABSL_GUARDED_BY(mutex_);
  // By peer; OK as long as it lives.
  std::vector<absl::Status> failed_ ABSL_GUARDED_BY(mutex_);
  // By peer; OK as long as it sends.
  std::vector<absl::Status> silent_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_LINK_PENDING_TRANSFERS_H_
