#ifndef WORKER_CLIENT_SUPERVISOR_H_
#define WORKER_CLIENT_SUPERVISOR_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "proto/internal/v1/executor.pb.h"
#include "proto/rpc/tls.h"
#include "worker/agent/agent.h"
#include "worker/executor/message_stream.h"

namespace penstock {

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
    std::vector<std::string> command;  // The executor's, without its --fd=N.
    std::string listen_host;           // For executors' tensor transports.
    std::vector<std::string> roots;
    TlsFiles tls;
  };
  using Sink = std::function<void(int device, ExecutorEvent event)>;

  Supervisor(Options options, Sink sink);
  // Kills what still runs.
  ~Supervisor();

  // A start that fails delivers ExecutorFailed and ExecutorExited.
  void CarryOut(const AgentCommand& command);

 private:
  struct Process {
    pid_t pid = 0;
    std::unique_ptr<MessageStream> stream;
    std::thread reader;  // Reads events, then reaps.
  };

  void Start(const StartExecutor& start);
  absl::Status TryStart(const StartExecutor& start);
  absl::StatusOr<pid_t> Spawn(int socket) const;
  void Tell(int device, const internal::v1::ToExecutor& message);
  void Read(int device, pid_t pid, MessageStream& stream);

  const Options options_;
  const Sink sink_;
  std::map<int, Process> processes_;  // By device; replaced by the next start.
};

}  // namespace penstock

#endif  // WORKER_CLIENT_SUPERVISOR_H_
