#ifndef WORKER_CLIENT_WORKER_LOOP_H_
#define WORKER_CLIENT_WORKER_LOOP_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/base/mutex.h"
#include "worker/agent/agent.h"
#include "worker/client/coordinator_client.h"
#include "worker/client/supervisor.h"

namespace penstock {

// The worker daemon around its Agent: one thread owns the agent and takes
// events from a queue; the client's and the supervisor's threads fill it.
//
// Run is called by one thread, Stop by any, also from a signal handler's
// thread.
class WorkerLoop {
 public:
  WorkerLoop(Agent::Options agent, Supervisor::Options supervisor,
             std::shared_ptr<grpc::Channel> channel);

  // Serves the coordinator until Stop, or until it refuses this worker for
  // good. Executors are ended before it returns.
  //
  // Errors:
  //   FailedPrecondition: the coordinator is of another version.
  //   AlreadyExists: another living worker has this name.
  absl::Status Run();

  void Stop();

 private:
  struct Connected {};
  struct Disconnected {
    absl::Status status;
  };
  struct Stopped {};
  struct FromExecutor {
    int device = 0;
    ExecutorEvent event;
  };
  using Event = std::variant<Connected, Disconnected, Stopped, FromExecutor,
                             WorkerInstruction>;

  // Traces and progress are dropped when so many events wait; all else is rare.
  static constexpr size_t kQueueMax = 4096;

  void Post(Event event);
  std::optional<Event> Next(absl::Time deadline);
  void Handle(const Event& event);
  void CarryOutCommands();
  absl::Status EndExecutors(const absl::Status& reason);

  Agent agent_;  // The thread of Run's.
  bool connected_ = false;
  absl::Status end_;  // Why the loop ends, when `ending_`.
  bool ending_ = false;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Event> queue_ ABSL_GUARDED_BY(mutex_);

  Supervisor supervisor_;
  CoordinatorClient client_;  // Last: its thread posts from the start.
};

}  // namespace penstock

#endif  // WORKER_CLIENT_WORKER_LOOP_H_
