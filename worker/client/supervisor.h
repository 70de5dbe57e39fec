#ifndef WORKER_CLIENT_SUPERVISOR_H_
#define WORKER_CLIENT_SUPERVISOR_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/base/file.h"
#include "proto/base/mutex.h"
#include "proto/internal/v1/executor.pb.h"
#include "proto/rpc/tls.h"
#include "worker/agent/agent.h"
#include "worker/executor/message_stream.h"

namespace penstock {

// What the executor of one device computes on.
struct ExecutorPlace {
  std::string kind = "cpu";  // As in Prepare of executor.proto.
  // "NAME=value" each, which the process has besides the worker's.
  std::vector<std::string> environment;
};

// Carries out the agent's commands on executor processes: starts, tells, kills
// and reaps them. A process per executor, so that a crashed or stuck device
// context costs a process and not the node.
//
// Thread-compatible: one thread gives commands, and it must live as long as the
// executors, which die with the thread that started them. Events are delivered
// by other threads, in order per device; the last of each executor is
// ExecutorExited, when the process is reaped.
class Supervisor {
 public:
  struct Options {
    // The executor's, without its --executor-fd=N and --executor-parent=PID.
    std::vector<std::string> command;
    std::string listen_host;  // For executors' tensor transports.
    std::vector<std::string> roots;
    TlsFiles tls;
    // By device.
    std::vector<ExecutorPlace> places;
    // As in Prepare of executor.proto.
    int64_t link_latency_us = 0;
    int64_t link_bytes_per_second = 0;
    // An executor that does not take a message for so long is killed. Commands
    // wait for it, and with them the reports that keep the worker's lease.
    absl::Duration tell_max = absl::Seconds(3);
  };
  using Sink = std::function<void(int device, ExecutorEvent event)>;

  Supervisor(Options options, Sink sink);
  // Kills what still runs.
  ~Supervisor();

  // A start that fails delivers ExecutorFailed and ExecutorExited.
  void CarryOut(const AgentCommand& command);

 private:
  struct Process {
    Process(pid_t id, FileDescriptor socket)
        : pid(id), stream(std::move(socket)) {}

    // SIGKILL to the process and its children, unless it was reaped: its number
    // may be another's by then.
    void Kill();
    // Waits for its end and returns the status of waitpid.
    int Reap();

    const pid_t pid;
    MessageStream stream;
    std::thread reader;  // Reads events, then reaps.
    Mutex mutex;
    bool reaped ABSL_GUARDED_BY(mutex) = false;
  };

  void Start(const StartExecutor& start);
  absl::Status TryStart(const StartExecutor& start);
  absl::StatusOr<pid_t> Spawn(int device, int socket) const;
  void Tell(int device, const internal::v1::ToExecutor& message);
  void Read(int device, Process& process);

  const Options options_;
  const Sink sink_;
  // By device; replaced by the next start.
  std::map<int, std::unique_ptr<Process>> processes_;
};

}  // namespace penstock

#endif  // WORKER_CLIENT_SUPERVISOR_H_
