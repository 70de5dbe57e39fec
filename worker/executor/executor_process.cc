#include "worker/executor/executor_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"
#include "proto/base/mutex.h"
#include "proto/base/status_macros.h"
#include "proto/communicator_proto.h"
#include "proto/file/allowed_roots.h"
#include "proto/file/disk.h"
#include "proto/internal/v1/executor.pb.h"
#include "proto/plan_proto.h"
#include "proto/worker_report_proto.h"
#include "worker/executor/device_calls.h"
#include "worker/executor/device_watchdog.h"
#include "worker/executor/executor_device.h"
#include "worker/executor/executor_link.h"
#include "worker/executor/message_stream.h"
#include "worker/executor/resident_memory.h"
#include "worker/link/delayed_link.h"
#include "worker/runtime/peers.h"
#include "worker/runtime/trainer.h"

namespace penstock {
namespace {

using internal::v1::FromExecutor;
using internal::v1::ToExecutor;

constexpr absl::Duration kProgressInterval = absl::Milliseconds(100);
constexpr absl::Duration kConnectMax = absl::Seconds(30);

FromExecutor FailedMessage(const absl::Status& status) {
  FromExecutor message;
  message.mutable_failed()->set_code(static_cast<int>(status.code()));
  message.mutable_failed()->set_message(std::string(status.message()));
  return message;
}

internal::v1::Progress ProgressOf(const Trainer& trainer) {
  Progress progress = trainer.progress();
  const ResidentMemory memory = ReadResidentMemory();
  progress.resident_bytes = memory.bytes;
  progress.resident_bytes_peak = memory.peak_bytes;
  return ProgressToProto(progress);
}

// What the worker was told to make its links, or what the job was.
DelayedLink::Options DelayOf(const internal::v1::Prepare& prepare,
                             const Plan& plan) {
  const auto* sim = std::get_if<SimModel>(&plan.spec.model.architecture);
  if (sim != nullptr && sim->hop_us + sim->hop_bytes_per_second > 0) {
    return {.latency = absl::Microseconds(sim->hop_us),
            .bytes_per_second = static_cast<double>(sim->hop_bytes_per_second)};
  }
  return {
      .latency = absl::Microseconds(prepare.link_latency_us()),
      .bytes_per_second = static_cast<double>(prepare.link_bytes_per_second())};
}

// One executor: the main thread trains, a second one listens to the worker, a
// third one reports progress and ends the process when the device hangs.
class Executor {
 public:
  explicit Executor(int fd) : stream_(FileDescriptor(fd)) {}

  int Run() {
    const absl::Status status = Train();
    FromExecutor last;
    if (status.ok()) {
      *last.mutable_finished()->mutable_progress() = ProgressOf(*trainer_);
    } else {
      last = FailedMessage(status);
    }
    return stream_.Write(last).ok() ? 0 : 1;
  }

  ~Executor() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      reported_ = nullptr;
    }
    stream_.Close();
    if (listener_.joinable()) listener_.join();
    // Before the trainer: it may hold the trainer's buffers.
    link_.reset();
    trainer_.reset();
    {
      // Watched until here: a device can hang when memory is given back, too.
      MutexLock lock(mutex_);
      ended_ = true;
      changed_.NotifyAll();
    }
    if (reporter_.joinable()) reporter_.join();
  }

 private:
  absl::Status Train() {
    RETURN_IF_ERROR(Prepare());
    FromExecutor ready;
    ready.mutable_ready()->set_transport_address(link_->address());
    CommunicatorIdsToProto(link_->communicators(),
                           ready.mutable_ready()->mutable_communicators());
    RETURN_IF_ERROR(stream_.Write(ready));
    ToExecutor message;
    RETURN_IF_ERROR(stream_.Read(message));
    if (!message.has_run()) {
      return absl::InternalError("the worker sent no Run after Ready");
    }
    const std::vector<std::string> peers(message.run().peers().begin(),
                                         message.run().peers().end());
    ASSIGN_OR_RETURN(const std::vector<CommunicatorId> communicators,
                     CommunicatorIdsFromProto(message.run().communicators()));
    listener_ = std::thread([this] { Listen(); });
    {
      MutexLock lock(mutex_);
      reported_ = trainer_.get();
    }
    RETURN_IF_ERROR(
        link_->Connect(peers, communicators, SteadyNow() + kConnectMax));
    return trainer_->Run(link_->link(), link_->replicas());
  }

  absl::Status Prepare() {
    ToExecutor message;
    RETURN_IF_ERROR(stream_.Read(message));
    const internal::v1::Prepare& prepare = message.prepare();
    ASSIGN_OR_RETURN(const Assignment assignment,
                     AssignmentFromProto(prepare.assignment()));
    ASSIGN_OR_RETURN(const Plan plan, PlanFromProto(prepare.plan()));
    ASSIGN_OR_RETURN(ExecutorDevice device,
                     ExecutorDeviceOf(prepare.device(), plan, calls_));
    ASSIGN_OR_RETURN(
        const AllowedRoots roots,
        AllowedRoots::Create({prepare.roots().begin(), prepare.roots().end()}));
    source_ =
        fmt::format("replica {} rank {}", assignment.replica, assignment.rank);
    reporter_ = std::thread([this] { Report(); });
    ASSIGN_OR_RETURN(
        link_,
        ExecutorLink::Start(
            plan,
            {.grpc = {.job = assignment.job,
                      .epoch = assignment.epoch,
                      .self = PeerOf(plan, assignment.replica, assignment.rank),
                      .peer_names = PeerNames(plan),
                      .listen_host = prepare.listen_host(),
                      .tls = {.certificate = prepare.tls_certificate(),
                              .key = prepare.tls_key(),
                              .authority = prepare.tls_authority()}},
             .delay = DelayOf(prepare, plan),
             .make_copies = device.make_copies}));
    ASSIGN_OR_RETURN(
        trainer_,
        Trainer::Prepare(plan, assignment, std::move(device.make_backend),
                         roots, RealDisk(), MakeEvents()));
    return absl::OkStatus();
  }

  TrainerEvents MakeEvents() {
    return {.on_metrics =
                [this](const StepMetrics& metrics) {
                  FromExecutor message;
                  *message.mutable_metrics() = StepMetricsToProto(metrics);
                  Tell(message);
                },
            .on_trace =
                [this](const StepTrace& trace) {
                  FromExecutor message;
                  *message.mutable_trace() = StepTraceToProto(trace);
                  Tell(message);
                },
            .on_log =
                [this](std::string_view level, const std::string& text) {
                  FromExecutor message;
                  *message.mutable_log() =
                      LogLineToProto({.time = absl::Now(),
                                      .source = source_,
                                      .level = std::string(level),
                                      .text = text});
                  Tell(message);
                }};
  }

  // A worker that is gone ends this process by its listener's read, too.
  void Tell(const FromExecutor& message) {
    stream_.Write(message).IgnoreError();
  }

  void Listen() {
    ToExecutor message;
    for (;;) {
      if (!stream_.Read(message).ok()) {
        MutexLock lock(mutex_);
        // Without its worker an executor has no lease and must not go on.
        if (!stopping_) ::_exit(1);
        return;
      }
      if (message.has_pause()) trainer_->Pause();
      if (message.has_revise()) Revise(message.revise());
    }
  }

  // What cannot be read was damaged on the way, and the worker will be replaced
  // sooner than it sends another; training goes on by the plan in force.
  void Revise(const internal::v1::Revise& revise) {
    absl::StatusOr<Plan> plan = PlanFromProto(revise.plan());
    if (!plan.ok()) {
      FromExecutor message;
      *message.mutable_log() = LogLineToProto(
          {.time = absl::Now(),
           .source = source_,
           .level = "warn",
           .text = fmt::format("a plan that cannot be read: {}",
                               std::string(plan.status().message()))});
      Tell(message);
      return;
    }
    trainer_->Revise(std::make_shared<const Plan>(*std::move(plan)));
  }

  void Report() {
    for (;;) {
      EndIfStuck();
      if (const std::optional<FromExecutor> progress = ProgressMessage()) {
        // Without the lock: a worker that does not read makes this block.
        Tell(*progress);
      }
      const absl::Time next = SteadyNow() + kProgressInterval;
      MutexLock lock(mutex_);
      while (!ended_ && changed_.WaitUntil(mutex_, next)) {
      }
      if (ended_) return;
    }
  }

  std::optional<FromExecutor> ProgressMessage() {
    MutexLock lock(mutex_);
    if (reported_ == nullptr) return std::nullopt;
    FromExecutor message;
    *message.mutable_progress() = ProgressOf(*reported_);
    return message;
  }

  // Without any destructor: they would wait for the device as well.
  void EndIfStuck() {
    const std::optional<StuckCall> stuck =
        watchdog_.Look(calls_.Open(), SteadyNow());
    if (!stuck.has_value()) return;
    const absl::Status status = StuckError(PlaceOf(), *stuck);
    ::_exit(stream_.Write(FailedMessage(status)).ok() ? 0 : 1);
  }

  std::string PlaceOf() {
    MutexLock lock(mutex_);
    if (stopping_) return fmt::format("{} ending", source_);
    return PlaceText(source_, reported_ == nullptr
                                  ? std::nullopt
                                  : std::optional(reported_->progress()));
  }

  MessageStream stream_;
  std::string source_;  // Fixed before there is a second thread.
  DeviceCalls calls_;
  DeviceWatchdog watchdog_;  // The reporter's.
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<ExecutorLink> link_;
  Mutex mutex_;
  CondVar changed_;
  // The trainer once it runs, until the end.
  const Trainer* reported_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // Nothing is left to watch.
  std::thread listener_;
  std::thread reporter_;
};

}  // namespace

int RunExecutorProcess(int fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The worker may have died before the call above.
  if (::getppid() != parent) return 1;
  // A sim model's sleeps end when they should, not 50 us later.
  ::prctl(PR_SET_TIMERSLACK, 1);
  return Executor(fd).Run();
}

}  // namespace penstock
