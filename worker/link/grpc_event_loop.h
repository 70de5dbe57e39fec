#ifndef WORKER_LINK_GRPC_EVENT_LOOP_H_
#define WORKER_LINK_GRPC_EVENT_LOOP_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "grpcpp/alarm.h"
#include "grpcpp/completion_queue.h"
#include "proto/base/mutex.h"

namespace penstock {

// One thread that does everything for the streams of one completion queue: what
// gRPC completes, and what other threads post. So the streams need no locks,
// and no lock is held when gRPC is called.
//
// Thread-safe.
class GrpcEventLoop {
 public:
  // What a tag of the queue points to; called when its operation is complete.
  using Handler = std::function<void(bool ok)>;

  explicit GrpcEventLoop(std::unique_ptr<grpc::CompletionQueue> queue);
  ~GrpcEventLoop();

  grpc::CompletionQueue* queue() { return queue_.get(); }

  // Begins to run handlers and tasks. For a server's queue: once it listens.
  void Start();

  // Runs `task` on the thread, after what was posted before. Without effect
  // before Start and after Stop.
  void Post(std::function<void()> task);

  // Ends the thread. From here on nobody may begin an operation on the queue;
  // waits for those under way, so their calls must have been ended before.
  void Stop();

 private:
  void RunTasks();

  const std::unique_ptr<grpc::CompletionQueue> queue_;
  std::thread thread_;
  Handler run_tasks_ = [this](bool) { RunTasks(); };

  Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_EVENT_LOOP_H_
