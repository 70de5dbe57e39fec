#ifndef COORDINATOR_CLI_FOLLOW_H_
#define COORDINATOR_CLI_FOLLOW_H_

#include <functional>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/cli/connection.h"
#include "grpcpp/support/sync_stream.h"
#include "proto/base/mutex.h"
#include "proto/rpc/grpc_status.h"

namespace penstock {

// Ends streams from another thread. Thread-safe.
class Cancellation {
 public:
  // Ends all streams that are open, and those to come.
  void Cancel();

  bool IsCancelled() const;

  // Waits until cancelled, `duration` at most.
  void Wait(absl::Duration duration);

  // `context` is cancelled with this object until it is removed.
  void Add(grpc::ClientContext* context);
  void Remove(grpc::ClientContext* context);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mutex_);
};

struct FollowOptions {
  Cancellation* cancellation = nullptr;  // Required.
  absl::Time deadline = absl::InfiniteFuture();
  // The stream broke, and is opened again after a pause.
  std::function<void(const absl::Status&)> on_lost = [](const absl::Status&) {};
  // So long without a message of a coordinator that does not answer ends it.
  absl::Duration patience = absl::Minutes(10);
};

// Opens a stream by `attempt` until it ends well. `attempt` reads all of it,
// sets `received` when something came, and begins the next time after what it
// has seen.
//
// Errors:
//   Cancelled: by `cancellation`.
//   DeadlineExceeded: the deadline passed.
//   Unavailable: the patience ended; others: as `attempt` gave them.
absl::Status Follow(
    const ConnectionFlags& flags, const FollowOptions& options,
    const std::function<absl::Status(const std::shared_ptr<grpc::Channel>&,
                                     grpc::ClientContext&, bool& received)>&
        attempt);

// What a stream that should not have ended means, if its job is not `final`:
// the coordinator stops.
inline absl::Status EndsEarlyUnless(bool final, const absl::Status& status) {
  if (!status.ok() || final) return status;
  return absl::UnavailableError("the coordinator ended the stream");
}

// Gives every message of a stream to `on_message`, until it is false.
template <typename Message>
absl::Status ReadAll(grpc::ClientReader<Message>& reader,
                     grpc::ClientContext& context, bool& received,
                     const std::function<bool(const Message&)>& on_message) {
  Message message;
  while (reader.Read(&message)) {
    received = true;
    if (!on_message(message)) {
      context.TryCancel();
      (void)reader.Finish();
      return absl::OkStatus();
    }
  }
  return FromGrpc(reader.Finish());
}

}  // namespace penstock

#endif  // COORDINATOR_CLI_FOLLOW_H_
