#include "worker/client/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/plan_proto.h"
#include "worker/executor/executor_event.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace penstock {
namespace {

using internal::v1::FromExecutor;
using internal::v1::ToExecutor;

std::string DescribeExit(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {} ({})", WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

}  // namespace

Supervisor::Supervisor(Options options, Sink sink)
    : options_(std::move(options)), sink_(std::move(sink)) {}

Supervisor::~Supervisor() {
  for (auto& [device, process] : processes_) {
    process.stream->Close();
    ::kill(-process.pid, SIGKILL);
    process.reader.join();
  }
}

void Supervisor::CarryOut(const AgentCommand& command) {
  if (const auto* start = std::get_if<StartExecutor>(&command)) {
    Start(*start);
  } else if (const auto* run = std::get_if<SendRun>(&command)) {
    ToExecutor message;
    message.mutable_run()->mutable_peers()->Assign(run->peers.begin(),
                                                   run->peers.end());
    Tell(run->device, message);
  } else if (const auto* pause = std::get_if<SendPause>(&command)) {
    ToExecutor message;
    message.mutable_pause();
    Tell(pause->device, message);
  } else if (const auto* kill = std::get_if<KillExecutor>(&command)) {
    const auto process = processes_.find(kill->device);
    if (process != processes_.end()) ::kill(-process->second.pid, SIGKILL);
  }
}

void Supervisor::Start(const StartExecutor& start) {
  const absl::Status status = TryStart(start);
  if (status.ok()) return;
  sink_(start.device, ExecutorFailed{status});
  sink_(start.device, ExecutorExited{"never started"});
}

absl::Status Supervisor::TryStart(const StartExecutor& start) {
  // The agent starts an executor only after the one before was reaped, so this
  // join is short.
  if (const auto old = processes_.find(start.device); old != processes_.end()) {
    old->second.reader.join();
    processes_.erase(old);
  }
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return ErrnoStatus(errno, "socketpair for an executor");
  }
  auto stream = std::make_unique<MessageStream>(FileDescriptor(sockets[0]));
  const FileDescriptor theirs(sockets[1]);
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(theirs.get()));
  MessageStream& ours = *stream;
  processes_[start.device] = {pid, std::move(stream),
                              std::thread([this, start, pid, &ours] {
                                Read(start.device, pid, ours);
                              })};
  ToExecutor message;
  internal::v1::Prepare& prepare = *message.mutable_prepare();
  *prepare.mutable_assignment() = AssignmentToProto(start.assignment);
  *prepare.mutable_plan() = PlanToInternalProto(*start.plan);
  prepare.set_listen_host(options_.listen_host);
  prepare.mutable_roots()->Assign(options_.roots.begin(), options_.roots.end());
  prepare.set_tls_certificate(options_.tls.certificate);
  prepare.set_tls_key(options_.tls.key);
  prepare.set_tls_authority(options_.tls.authority);
  Tell(start.device, message);
  return absl::OkStatus();
}

absl::StatusOr<pid_t> Supervisor::Spawn(int socket) const {
  // Any number above the standard streams; dup2 also clears close-on-exec.
  constexpr int kChildFd = 3;
  std::vector<std::string> words = options_.command;
  words.push_back(fmt::format("--executor-fd={}", kChildFd));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, socket, kChildFd);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  // A group of its own, so that one kill reaches all it may have started.
  // The worker blocks the signals that it waits for; the executor must not.
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, arguments[0], &actions, &attributes,
                                  arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, words[0]);
  return pid;
}

// A failed write means that the process is going; its reader will tell.
void Supervisor::Tell(int device, const ToExecutor& message) {
  const auto process = processes_.find(device);
  if (process == processes_.end()) return;
  process->second.stream->Write(message).IgnoreError();
}

void Supervisor::Read(int device, pid_t pid, MessageStream& stream) {
  FromExecutor message;
  bool garbled = false;
  while (!garbled && stream.Read(message).ok()) {
    absl::StatusOr<ExecutorEvent> event = ExecutorEventFromProto(message);
    if (!event.ok()) {
      garbled = true;
      sink_(device, ExecutorFailed{event.status()});
    } else {
      sink_(device, *std::move(event));
    }
  }
  // Its stream is closed: it is ending. One that sent nonsense is made to.
  if (garbled) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  sink_(device, ExecutorExited{DescribeExit(status)});
}

}  // namespace penstock
