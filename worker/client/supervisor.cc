#include "worker/client/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/communicator_proto.h"
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

// The process's environment with these instead of what has their names; ends
// with null. Points into both.
std::vector<char*> WithSettings(std::vector<std::string>& settings) {
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const bool replaced = std::any_of(
        settings.begin(), settings.end(), [&](const std::string& setting) {
          return std::string_view(*variable).starts_with(
              setting.substr(0, setting.find('=') + 1));
        });
    if (!replaced) environment.push_back(*variable);
  }
  for (std::string& setting : settings) environment.push_back(setting.data());
  environment.push_back(nullptr);
  return environment;
}

}  // namespace

void Supervisor::Process::Kill() {
  MutexLock lock(mutex);
  if (!reaped) ::kill(-pid, SIGKILL);
}

int Supervisor::Process::Reap() {
  // Waits without reaping, so that Kill need not wait with it.
  siginfo_t ended;
  while (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT) <
             0 &&
         errno == EINTR) {
  }
  MutexLock lock(mutex);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  reaped = true;
  return status;
}

Supervisor::Supervisor(Options options, Sink sink)
    : options_(std::move(options)), sink_(std::move(sink)) {}

Supervisor::~Supervisor() {
  for (auto& [device, process] : processes_) {
    process->stream.Close();
    process->Kill();
    process->reader.join();
  }
}

void Supervisor::CarryOut(const AgentCommand& command) {
  if (const auto* start = std::get_if<StartExecutor>(&command)) {
    Start(*start);
  } else if (const auto* run = std::get_if<SendRun>(&command)) {
    ToExecutor message;
    message.mutable_run()->mutable_peers()->Assign(run->peers.begin(),
                                                   run->peers.end());
    CommunicatorIdsToProto(run->communicators,
                           message.mutable_run()->mutable_communicators());
    Tell(run->device, message);
  } else if (const auto* pause = std::get_if<SendPause>(&command)) {
    ToExecutor message;
    message.mutable_pause();
    Tell(pause->device, message);
  } else if (const auto* revision = std::get_if<SendRevision>(&command)) {
    ToExecutor message;
    *message.mutable_revise()->mutable_plan() =
        PlanToInternalProto(*revision->plan);
    Tell(revision->device, message);
  } else if (const auto* kill = std::get_if<KillExecutor>(&command)) {
    const auto process = processes_.find(kill->device);
    if (process != processes_.end()) process->second->Kill();
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
    old->second->reader.join();
    processes_.erase(old);
  }
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return ErrnoStatus(errno, "socketpair for an executor");
  }
  FileDescriptor ours(sockets[0]);
  const FileDescriptor theirs(sockets[1]);
  const timeval tell_max = absl::ToTimeval(options_.tell_max);
  if (::setsockopt(ours.get(), SOL_SOCKET, SO_SNDTIMEO, &tell_max,
                   sizeof(tell_max)) != 0) {
    return ErrnoStatus(errno, "SO_SNDTIMEO for an executor");
  }
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(start.device, theirs.get()));
  auto process = std::make_unique<Process>(pid, std::move(ours));
  process->reader =
      std::thread([this, device = start.device, started = process.get()] {
        Read(device, *started);
      });
  processes_[start.device] = std::move(process);
  ToExecutor message;
  internal::v1::Prepare& prepare = *message.mutable_prepare();
  *prepare.mutable_assignment() = AssignmentToProto(start.assignment);
  *prepare.mutable_plan() = PlanToInternalProto(*start.plan);
  prepare.set_listen_host(options_.listen_host);
  prepare.mutable_roots()->Assign(options_.roots.begin(), options_.roots.end());
  prepare.set_tls_certificate(options_.tls.certificate);
  prepare.set_tls_key(options_.tls.key);
  prepare.set_tls_authority(options_.tls.authority);
  prepare.set_link_latency_us(options_.link_latency_us);
  prepare.set_link_bytes_per_second(options_.link_bytes_per_second);
  prepare.set_device(options_.places[start.device].kind);
  Tell(start.device, message);
  return absl::OkStatus();
}

absl::StatusOr<pid_t> Supervisor::Spawn(int device, int socket) const {
  // Any number above the standard streams; dup2 also clears close-on-exec.
  constexpr int kChildFd = 3;
  std::vector<std::string> words = options_.command;
  words.push_back(fmt::format("--executor-fd={}", kChildFd));
  words.push_back(fmt::format("--executor-parent={}", ::getpid()));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> settings = options_.places[device].environment;
  std::vector<char*> environment = WithSettings(settings);

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
                                  arguments.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, words[0]);
  return pid;
}

// A failed write means that the process is going; its reader will tell.
void Supervisor::Tell(int device, const ToExecutor& message) {
  const auto process = processes_.find(device);
  if (process == processes_.end()) return;
  const absl::Status status = process->second->stream.Write(message);
  if (!absl::IsDeadlineExceeded(status)) return;
  sink_(device, ExecutorFailed{absl::DeadlineExceededError(
                    "the executor process does not read its orders; it was "
                    "stopped or hangs, and is killed")});
  process->second->Kill();
}

void Supervisor::Read(int device, Process& process) {
  FromExecutor message;
  absl::Status status;
  while (status.ok()) {
    status = process.stream.Read(message);
    if (absl::IsUnavailable(status)) break;
    absl::StatusOr<ExecutorEvent> event =
        status.ok() ? ExecutorEventFromProto(message) : status;
    status = event.status();
    sink_(device, event.ok() ? *std::move(event) : ExecutorFailed{status});
  }
  // Its stream is closed: it is ending. One that sent nonsense is made to.
  if (!absl::IsUnavailable(status)) process.Kill();
  sink_(device, ExecutorExited{DescribeExit(process.Reap())});
}

}  // namespace penstock
