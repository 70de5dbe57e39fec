#include "coordinator/cli/cluster.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "coordinator/cli/call.h"
#include "coordinator/cli/cluster_file.h"
#include "coordinator/cli/interrupt.h"
#include "coordinator/cli/process.h"
#include "fmt/format.h"
#include "proto/base/available_memory.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/rpc/channel.h"
#include "proto/v1/workers.grpc.pb.h"

namespace penstock {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(50);
// A daemon finishes the write it is at; training steps are not waited for.
constexpr absl::Duration kStopGrace = absl::Seconds(10);
constexpr size_t kTailLines = 15;

std::string LogPath(const std::string& state_dir, const std::string& name) {
  return state_dir + "/" + name + "/log";
}

// The end of a daemon's log, for a person who wonders why it failed.
std::string LogTail(const std::string& path) {
  const absl::StatusOr<std::string> log = ReadFile(path);
  if (!log.ok()) return std::string(log.status().message());
  size_t begin = log->size();
  for (size_t lines = 0; begin > 0; --begin) {
    // The last line ends in a line break too.
    if ((*log)[begin - 1] == '\n' && lines++ == kTailLines) break;
  }
  return fmt::format("the end of {}:\n{}", path, log->substr(begin));
}

// Starts daemons one by one and stops all of them unless told to leave them.
class Starter {
 public:
  explicit Starter(const ClusterOptions& options)
      : options_(options), deadline_(SteadyNow() + options.start_timeout) {}

  ~Starter() {
    if (left_) return;
    std::vector<ProcessId> processes;
    for (const ClusterProcess& one : processes_) {
      processes.push_back(one.process);
    }
    (void)StopProcesses(processes, kStopGrace);
    (void)WriteCluster(options_.state_dir, {});
  }

  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  // Runs `program` as the daemon `name`, and says so in cluster.json.
  absl::Status Start(const std::string& name, const std::string& program,
                     std::vector<std::string> arguments) {
    const std::string directory = options_.state_dir + "/" + name;
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return ErrnoStatus(error.value(), directory);
    std::vector<std::string> command = {
        options_.executable_directory + "/" + program, "--state-dir",
        directory};
    for (const std::string& root : options_.roots) {
      command.insert(command.end(), {"--root", root});
    }
    command.insert(command.end(), arguments.begin(), arguments.end());
    ASSIGN_OR_RETURN(const ProcessId process,
                     StartDaemon(command, LogPath(options_.state_dir, name)));
    processes_.push_back({name, process});
    return WriteCluster(options_.state_dir, processes_);
  }

  // Waits until `ready` holds.
  absl::Status WaitUntil(const std::function<bool()>& ready,
                         const std::string& what) {
    while (!ready()) {
      if (interrupt_.interrupted()) {
        return absl::CancelledError("interrupted; what was started is stopped");
      }
      for (const ClusterProcess& one : processes_) {
        if (IsAlive(one.process)) continue;
        return absl::UnavailableError(
            fmt::format("the {} ended while it started; {}", one.name,
                        LogTail(LogPath(options_.state_dir, one.name))));
      }
      if (SteadyNow() >= deadline_) {
        return absl::DeadlineExceededError(fmt::format(
            "{} after {}; {}", what,
            absl::FormatDuration(options_.start_timeout),
            LogTail(LogPath(options_.state_dir, processes_.back().name))));
      }
      std::this_thread::sleep_for(absl::ToChronoMilliseconds(kPollInterval));
    }
    return absl::OkStatus();
  }

  void LeaveRunning() { left_ = true; }

 private:
  const ClusterOptions& options_;
  const absl::Time deadline_;
  const InterruptGuard interrupt_;
  std::vector<ClusterProcess> processes_;
  bool left_ = false;
};

absl::Status CheckNothingRuns(const std::string& state_dir) {
  ASSIGN_OR_RETURN(const std::vector<ClusterProcess> processes,
                   ReadCluster(state_dir));
  for (const ClusterProcess& one : processes) {
    if (!IsAlive(one.process)) continue;
    return absl::FailedPreconditionError(fmt::format(
        "a cluster runs in {0} already ({1} is process {2}); stop it with: "
        "penstock down --state-dir {0}",
        state_dir, one.name, one.process.pid));
  }
  return absl::OkStatus();
}

std::string WorkerName(int index) { return fmt::format("worker-{}", index); }

// Whether the coordinator holds a lease of each worker.
bool AllRegistered(const std::string& address, int workers) {
  const auto channel = MakeChannel(address, {});
  if (!channel.ok()) return false;
  grpc::ClientContext context;
  WithDeadline(context, absl::Seconds(5));
  v1::ListWorkersResponse response;
  const auto stub = v1::Workers::NewStub(*channel);
  if (!stub->List(&context, {}, &response).ok()) return false;
  int registered = 0;
  for (int i = 0; i < workers; ++i) {
    registered += std::any_of(
        response.workers().begin(), response.workers().end(),
        [i](const v1::Worker& worker) {
          return worker.connected() && worker.name() == WorkerName(i);
        });
  }
  return registered == workers;
}

// What worker `i` offers. They share this machine, so none may count on all of
// its memory, or on all of a CUDA device that others have, too.
std::vector<std::string> DeviceFlags(const ClusterOptions& options, int i) {
  if (options.cuda.empty()) {
    const int64_t share = AvailableMemoryBytes() / options.workers;
    return {"--cuda", "none", "--memory-bytes", fmt::to_string(share)};
  }
  const auto device_of = [&options](int worker) {
    return options.cuda[worker % options.cuda.size()];
  };
  int sharers = 0;
  for (int other = 0; other < options.workers; ++other) {
    if (device_of(other) == device_of(i)) ++sharers;
  }
  return {"--cuda", fmt::to_string(device_of(i)), "--cuda-sharers",
          fmt::to_string(sharers)};
}

absl::StatusOr<std::string> StartAll(const ClusterOptions& options,
                                     Starter& starter) {
  const ConnectionFlags connection{.state_dir = options.state_dir};
  RETURN_IF_ERROR(starter.Start("coordinator", "penstock-coordinator",
                                {"--listen", "127.0.0.1:0"}));
  RETURN_IF_ERROR(
      starter.WaitUntil([&] { return ResolveAddress(connection).ok(); },
                        "the coordinator does not serve"));
  ASSIGN_OR_RETURN(const std::string address, ResolveAddress(connection));
  for (int i = 0; i < options.workers; ++i) {
    std::vector<std::string> flags = {"--coordinator", address,
                                      "--name",        WorkerName(i),
                                      "--listen-host", "127.0.0.1"};
    const std::vector<std::string> device = DeviceFlags(options, i);
    flags.insert(flags.end(), device.begin(), device.end());
    flags.insert(flags.end(), options.worker_flags.begin(),
                 options.worker_flags.end());
    RETURN_IF_ERROR(starter.Start(WorkerName(i), "penstock-worker", flags));
  }
  RETURN_IF_ERROR(
      starter.WaitUntil([&] { return AllRegistered(address, options.workers); },
                        "not all workers are registered"));
  return address;
}

}  // namespace

absl::StatusOr<std::string> StartCluster(const ClusterOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(options.state_dir, error);
  if (error) return ErrnoStatus(error.value(), options.state_dir);
  ASSIGN_OR_RETURN(const FileDescriptor lock, LockCluster(options.state_dir));
  RETURN_IF_ERROR(CheckNothingRuns(options.state_dir));
  // Left by a coordinator that was killed; the new one has another.
  std::filesystem::remove(options.state_dir + "/coordinator/address", error);
  Starter starter(options);
  ASSIGN_OR_RETURN(const std::string address, StartAll(options, starter));
  starter.LeaveRunning();
  return address;
}

absl::StatusOr<int> StopCluster(const std::string& state_dir) {
  if (!std::filesystem::exists(state_dir + "/cluster.json")) {
    return absl::NotFoundError(
        fmt::format("no cluster was started in {}", state_dir));
  }
  ASSIGN_OR_RETURN(const FileDescriptor lock, LockCluster(state_dir));
  ASSIGN_OR_RETURN(const std::vector<ClusterProcess> cluster,
                   ReadCluster(state_dir));
  std::vector<ProcessId> alive;
  for (const ClusterProcess& one : cluster) {
    if (IsAlive(one.process)) alive.push_back(one.process);
  }
  RETURN_IF_ERROR(StopProcesses(alive, kStopGrace));
  RETURN_IF_ERROR(WriteCluster(state_dir, {}));
  std::error_code error;
  std::filesystem::remove(state_dir + "/coordinator/address", error);
  return static_cast<int>(alive.size());
}

}  // namespace penstock
