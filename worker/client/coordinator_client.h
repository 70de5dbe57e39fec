#ifndef WORKER_CLIENT_COORDINATOR_CLIENT_H_
#define WORKER_CLIENT_COORDINATOR_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/base/mutex.h"
#include "proto/internal/v1/worker_pool.grpc.pb.h"
#include "proto/rpc/tls.h"
#include "proto/worker_report.h"

namespace penstock {

// True when the coordinator refuses a worker for good: FailedPrecondition,
// AlreadyExists and InvalidArgument of Synchronize.
bool IsFinalRefusal(const absl::Status& status);

// Keeps a Synchronize stream to the coordinator open: sends reports, delivers
// instructions, and reconnects with growing pauses when it breaks. Decides
// nothing; that is the Agent's.
//
// Thread-safe. Events are delivered by threads of its own.
class CoordinatorClient {
 public:
  struct Events {
    // A stream is up, the coordinator has answered: a report is wanted now.
    std::function<void()> on_connected;
    // There was no stream for `patience`. Once until the next stream is up.
    // The status is of the last try, OK while the first goes on. Called with a
    // lock held: must not call this client.
    std::function<void(const absl::Status&)> on_waiting;
    std::function<void(WorkerInstruction)> on_instruction;
    // A stream ended, or could not be opened. After a final refusal no new one
    // is opened.
    std::function<void(const absl::Status&)> on_disconnected;
  };

  CoordinatorClient(std::shared_ptr<grpc::Channel> channel, Events events,
                    absl::Duration patience = absl::Seconds(5));
  ~CoordinatorClient();

  // Sends `report` as soon as the stream takes it. A newer report replaces one
  // that waits; when there is no stream, it is dropped.
  void Send(const WorkerReport& report);

  // Ends the stream in order: returns when the coordinator has handled all that
  // was sent, or at `deadline` (of SteadyNow). No new one is opened.
  void Finish(absl::Time deadline);

 private:
  using Stream = grpc::ClientReaderWriter<internal::v1::WorkerReport,
                                          internal::v1::WorkerInstruction>;

  enum class State { kOpening, kUp, kEnded };

  void Loop();
  absl::Status RunStream();
  void ReadAll(grpc::ClientContext& context, Stream& stream);
  void WriteAll(const std::unique_ptr<Stream>& stream);
  // The next report to write; empty when no more are to be written.
  std::optional<internal::v1::WorkerReport> NextReport();
  // Waits for a change, and says so when there was no stream for long.
  void WaitForChange(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<internal::v1::WorkerPool::Stub> stub_;
  const Events events_;
  const absl::Duration patience_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kEnded;
  absl::Status last_end_ ABSL_GUARDED_BY(mutex_);
  absl::Time waiting_at_ ABSL_GUARDED_BY(mutex_);  // When on_waiting is due.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::optional<internal::v1::WorkerReport> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_CLIENT_COORDINATOR_CLIENT_H_
