#ifndef WORKER_LINK_STAGED_LINK_H_
#define WORKER_LINK_STAGED_LINK_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/copy_queue.h"
#include "proto/base/mutex.h"
#include "worker/link/link.h"
#include "worker/link/staging_buffers.h"

namespace penstock {

// A link of the host's memory for tensors in a device's: each message is copied
// out into a page-locked buffer and sent from there, received into another one
// and copied in. What it carries must be complete when it is given to Send.
//
// A thread of its own copies out, so Send does not wait for the device;
// WaitReceived copies in.
//
// Thread-safe. Errors are those of the link of the host's memory, and those of
// CopyQueue. What is wrong with a message of Send may be heard in WaitSent
// only; a peer that was heard to be gone fails Send at once.
class StagedLink final : public Link {
 public:
  // `device` holds the memory of messages that are `on_device`; others go over
  // `host` as they are. The queues are the thread's and the callers'.
  struct Options {
    int peers = 0;
    std::function<bool(const MessageKey& key)> on_device;
    std::unique_ptr<CopyQueue> out;
    std::unique_ptr<CopyQueue> in;
  };

  StagedLink(std::unique_ptr<Link> host, Options options);
  // What was sent before is still handed to the link of the host's memory.
  ~StagedLink() override;

  absl::Status Send(int peer, const MessageKey& key,
                    std::span<const std::byte> bytes) override;
  absl::Status WaitSent(int peer, const MessageKey& key,
                        absl::Time deadline) override;
  absl::Status PostReceive(int peer, const MessageKey& key,
                           std::span<std::byte> bytes) override;
  absl::Status WaitReceived(int peer, const MessageKey& key,
                            absl::Time deadline) override;
  void Abort(const absl::Status& reason) override;

 private:
  using Name = std::pair<int, MessageKey>;
  struct Outgoing {
    std::span<const std::byte> device;
    std::span<std::byte> staged;          // Empty until it is copied.
    std::optional<absl::Status> offered;  // To the link of the host's memory.
  };
  struct Incoming {
    std::span<std::byte> device;
    std::span<std::byte> staged;
  };

  absl::Status CheckPeer(int peer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns `status`, of the link of the host's memory.
  absl::Status Heard(int peer, const absl::Status& status);

  void Run();
  // Copies out and offers; sets `staged` as soon as the buffer is lent.
  absl::Status Offer(const Name& name, std::span<const std::byte> device,
                     std::span<std::byte>& staged);
  absl::StatusOr<std::span<std::byte>> LendIn(size_t bytes);
  absl::Status CopyIn(const Incoming& message);

  const int peers_;
  const std::function<bool(const MessageKey& key)> on_device_;
  const std::unique_ptr<CopyQueue> out_;  // The thread's.
  Mutex in_mutex_;
  const std::unique_ptr<CopyQueue> in_ ABSL_PT_GUARDED_BY(in_mutex_);
  // Before the link, which may use their memory as long as it is there.
  StagingBuffers out_buffers_;
  StagingBuffers in_buffers_;
  const std::unique_ptr<Link> host_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status aborted_ ABSL_GUARDED_BY(mutex_);              // Why, if it was.
  std::map<int, absl::Status> gone_ ABSL_GUARDED_BY(mutex_);  // By peer.
  std::deque<Name> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<Name, Outgoing> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::map<Name, Incoming> incoming_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_LINK_STAGED_LINK_H_
