#include "coordinator/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// A killed process ends as soon as the kernel lets it; a disk may delay that.
constexpr absl::Duration kKillGrace = absl::Seconds(10);

struct ProcessState {
  char state = '?';
  uint64_t start_ticks = 0;
};

// From /proc/PID/stat (proc(5)); nothing when there is no such process.
std::optional<ProcessState> ReadState(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // The second field is the program's name in brackets, which may hold any.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessState state;
  std::string skipped;
  fields >> state.state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> state.start_ticks;
  if (!fields) return std::nullopt;
  return state;
}

// A descriptor that becomes readable when the process ends; nothing when it is
// not alive (any more).
std::optional<FileDescriptor> Open(const ProcessId& process) {
  const int fd =
      static_cast<int>(syscall(SYS_pidfd_open, process.pid, /*flags=*/0));
  if (fd < 0) return std::nullopt;
  FileDescriptor descriptor(fd);
  // The descriptor holds the pid, so that what is alive now stays the one.
  if (!IsAlive(process)) return std::nullopt;
  return descriptor;
}

void Signal(const std::vector<FileDescriptor>& processes, int signal) {
  for (const FileDescriptor& process : processes) {
    // Fails only for one that has ended, which is what is wanted.
    (void)syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
  }
}

// Forgets those that end, until none is left or the time is over.
void Wait(std::vector<FileDescriptor>& processes, absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  while (!processes.empty() && SteadyNow() < deadline) {
    std::vector<pollfd> polled;
    for (const FileDescriptor& process : processes) {
      polled.push_back({.fd = process.get(), .events = POLLIN});
    }
    const auto left = absl::ToInt64Milliseconds(deadline - SteadyNow());
    poll(polled.data(), polled.size(), static_cast<int>(left) + 1);
    for (size_t i = polled.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      processes.erase(processes.begin() + static_cast<ptrdiff_t>(i));
    }
  }
}

// What posix_spawn needs to know; freed with it.
class SpawnSettings {
 public:
  explicit SpawnSettings(const std::string& log_path) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, log_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

absl::StatusOr<ProcessId> StartDaemon(const std::vector<std::string>& command,
                                      const std::string& log_path) {
  const SpawnSettings settings(log_path);
  std::vector<std::string> copies = command;
  std::vector<char*> arguments;
  for (std::string& argument : copies) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ProcessId process;
  const int error =
      posix_spawn(&process.pid, command[0].c_str(), settings.actions(),
                  settings.attributes(), arguments.data(), environ);
  if (error != 0) {
    return ErrnoStatus(error, fmt::format("start {}", command[0]));
  }
  // Its entry stays until it is waited for, which nobody but us can.
  const std::optional<ProcessState> state = ReadState(process.pid);
  if (!state.has_value()) {
    return absl::InternalError(fmt::format(
        "start {}: /proc/{}/stat is not there", command[0], process.pid));
  }
  process.start_ticks = state->start_ticks;
  return process;
}

bool IsAlive(const ProcessId& process) {
  const std::optional<ProcessState> state = ReadState(process.pid);
  return state.has_value() && state->start_ticks == process.start_ticks &&
         state->state != 'Z' && state->state != 'X';
}

absl::Status StopProcesses(const std::vector<ProcessId>& processes,
                           absl::Duration grace) {
  std::vector<FileDescriptor> alive;
  for (const ProcessId& process : processes) {
    std::optional<FileDescriptor> descriptor = Open(process);
    if (descriptor.has_value()) alive.push_back(*std::move(descriptor));
  }
  Signal(alive, SIGTERM);
  Wait(alive, grace);
  Signal(alive, SIGKILL);
  Wait(alive, kKillGrace);
  for (const ProcessId& process : processes) {
    // Only of our own children; others have somebody else to ask.
    waitpid(process.pid, nullptr, WNOHANG);
  }
  if (alive.empty()) return absl::OkStatus();
  return absl::DeadlineExceededError(
      fmt::format("{} processes are alive {} after they were killed",
                  alive.size(), absl::FormatDuration(kKillGrace)));
}

}  // namespace penstock
