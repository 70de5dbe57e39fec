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

// Keeps a Synchronize stream to the coordinator open: sends reports, delivers
// instructions, and reconnects with growing pauses when it breaks. Decides
// nothing; that is the Agent's.
//
// Thread-safe. Events are delivered by threads of its own.
class CoordinatorClient {
 public:
  struct Events {
    // A stream was opened: a report is wanted now.
    std::function<void()> on_connected;
    std::function<void(WorkerInstruction)> on_instruction;
    // A stream ended. FailedPrecondition, AlreadyExists and InvalidArgument are
    // final: no new one is opened.
    std::function<void(const absl::Status&)> on_disconnected;
  };

  CoordinatorClient(std::shared_ptr<grpc::Channel> channel, Events events);
  ~CoordinatorClient();

  // Sends `report` as soon as the stream takes it. A newer report replaces one
  // that waits; when there is no stream, it is dropped.
  void Send(const WorkerReport& report);

 private:
  using Stream = grpc::ClientReaderWriter<internal::v1::WorkerReport,
                                          internal::v1::WorkerInstruction>;

  void Loop();
  absl::Status RunStream();
  void ReadAll(Stream& stream);
  void WriteAll(Stream& stream);

  const std::unique_ptr<internal::v1::WorkerPool::Stub> stub_;
  const Events events_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = true;  // No stream, or a dead one.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::optional<internal::v1::WorkerReport> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_CLIENT_COORDINATOR_CLIENT_H_
