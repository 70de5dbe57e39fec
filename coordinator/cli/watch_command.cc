#include "coordinator/cli/watch_command.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <ostream>
#include <thread>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/interrupt.h"
#include "coordinator/cli/plan_text.h"
#include "coordinator/cli/watch_view.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/rpc/channel.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {
namespace {

constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kTraceInterval = absl::Seconds(1);
// A job that ended has its last metrics on the way.
constexpr absl::Duration kMetricsGrace = absl::Seconds(5);
// A slow reader of our output slows the metrics down, not more.
constexpr size_t kLinesMax = 4096;

// Watches one job: a thread for its state, one for its metrics, one for the
// traces of a terminal. The caller's thread prints. Thread-compatible outside.
class Watcher {
 public:
  Watcher(const ConnectionFlags& flags, const std::string& name,
          const Console& console)
      : flags_(flags), name_(name), console_(console) {}

  absl::StatusOr<int> Run();

 private:
  void WatchState();
  void WatchMetrics();
  void WatchTraces();

  void TakeJob(const v1::Job& job);
  void TakeMetrics(const v1::StepMetrics& metrics);
  void SetConnected(bool connected);
  void AddLine(std::string line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The job is final, or cannot be watched.
  bool HasEnded() const;
  // True while there is something to wait for.
  bool GoesOn() const;
  void Print();
  void Redraw(const std::vector<std::string>& lines);
  absl::StatusOr<int> End(bool interrupted);

  FollowOptions Options(Cancellation& cancellation);

  const ConnectionFlags flags_;
  const std::string name_;
  const Console& console_;
  Cancellation ending_;      // Of everything.
  bool plan_shown_ = false;  // Printing thread's, as is the next.
  std::vector<std::string> drawn_;

  mutable Mutex mutex_;
  CondVar changed_;
  penstock::WatchState state_ ABSL_GUARDED_BY(mutex_);
  bool seen_ ABSL_GUARDED_BY(mutex_) = false;       // `state_.job` is set.
  int64_t first_step_ ABSL_GUARDED_BY(mutex_) = 0;  // When first seen.
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  bool state_done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status state_status_ ABSL_GUARDED_BY(mutex_);
  absl::Time state_done_at_ ABSL_GUARDED_BY(mutex_);
  bool metrics_done_ ABSL_GUARDED_BY(mutex_) = false;
};

FollowOptions Watcher::Options(Cancellation& cancellation) {
  return {.cancellation = &cancellation,
          .on_lost = [this](const absl::Status&) { SetConnected(false); }};
}

void Watcher::AddLine(std::string line) {
  while (lines_.size() >= kLinesMax && !ending_.IsCancelled()) {
    changed_.WaitUntil(mutex_, SteadyNow() + kRedrawInterval);
  }
  lines_.push_back(std::move(line));
  changed_.NotifyAll();
}

void Watcher::SetConnected(bool connected) {
  MutexLock lock(mutex_);
  if (state_.connected == connected) return;
  state_.connected = connected;
  AddLine(connected
              ? "the coordinator is back"
              : "no answer from the coordinator; trying again. Training goes "
                "on without it");
}

void Watcher::TakeJob(const v1::Job& job) {
  MutexLock lock(mutex_);
  const bool changed = !seen_ || job.state() != state_.job.state() ||
                       job.reason() != state_.job.reason();
  if (!seen_) first_step_ = job.step();
  seen_ = true;
  state_.job = job;
  if (changed) AddLine(StateLine(job));
  changed_.NotifyAll();
}

void Watcher::TakeMetrics(const v1::StepMetrics& metrics) {
  MutexLock lock(mutex_);
  state_.metrics = metrics;
  AddLine(StepLine(state_.job, metrics));
}

void Watcher::WatchState() {
  v1::WatchRequest request;
  request.set_name(name_);
  const absl::Status status = Follow(
      flags_, Options(ending_),
      [&](const std::shared_ptr<grpc::Channel>& channel,
          grpc::ClientContext& call, bool& received) {
        const auto reader = v1::Jobs::NewStub(channel)->Watch(&call, request);
        const absl::Status ended =
            ReadAll<v1::Job>(*reader, call, received, [&](const v1::Job& job) {
              request.set_after_revision(job.revision());
              SetConnected(true);
              TakeJob(job);
              return !IsFinal(job.state());
            });
        return EndsEarlyUnless(HasEnded(), ended);
      });
  MutexLock lock(mutex_);
  state_done_ = true;
  state_status_ = status;
  state_done_at_ = SteadyNow();
  changed_.NotifyAll();
}

void Watcher::WatchMetrics() {
  v1::WatchMetricsRequest request;
  request.set_name(name_);
  request.set_follow(true);
  {
    // From the step before the one that is being made: something to show.
    MutexLock lock(mutex_);
    while (!seen_ && !state_done_ && !ending_.IsCancelled()) {
      changed_.WaitUntil(mutex_, SteadyNow() + kRedrawInterval);
    }
    request.set_after_step(std::max<int64_t>(0, first_step_ - 1));
  }
  // Its loss is reported by the thread that watches the state.
  (void)Follow(flags_, {.cancellation = &ending_},
               [&](const std::shared_ptr<grpc::Channel>& channel,
                   grpc::ClientContext& call, bool& received) {
                 const auto reader =
                     v1::Jobs::NewStub(channel)->WatchMetrics(&call, request);
                 const absl::Status ended = ReadAll<v1::StepMetrics>(
                     *reader, call, received,
                     [&](const v1::StepMetrics& metrics) {
                       request.set_after_step(metrics.step());
                       TakeMetrics(metrics);
                       return true;
                     });
                 return EndsEarlyUnless(HasEnded(), ended);
               });
  MutexLock lock(mutex_);
  metrics_done_ = true;
  changed_.NotifyAll();
}

void Watcher::WatchTraces() {
  if (!console_.terminal) return;
  v1::GetTraceRequest request;
  request.set_name(name_);
  // The newest may not be complete yet on every rank.
  request.set_steps(3);
  while (!ending_.IsCancelled()) {
    ending_.Wait(kTraceInterval);
    const auto channel = Connect(flags_);
    if (!channel.ok()) continue;
    grpc::ClientContext call;
    WithDeadline(call, absl::Seconds(5));
    ending_.Add(&call);
    v1::GetTraceResponse response;
    const auto stub = v1::Jobs::NewStub(*channel);
    if (stub->GetTrace(&call, request, &response).ok()) {
      MutexLock lock(mutex_);
      state_.trace = std::move(response);
    }
    ending_.Remove(&call);
  }
}

bool Watcher::HasEnded() const {
  MutexLock lock(mutex_);
  return state_done_ || IsFinal(state_.job.state());
}

bool Watcher::GoesOn() const {
  MutexLock lock(mutex_);
  if (!state_done_) return true;
  if (!state_status_.ok() || metrics_done_) return false;
  return SteadyNow() < state_done_at_ + kMetricsGrace;
}

// Each line replaces one of the last block.
void Watcher::Redraw(const std::vector<std::string>& lines) {
  if (lines == drawn_) return;
  std::string text;
  if (!drawn_.empty()) text += fmt::format("\x1b[{}F", drawn_.size());
  for (const std::string& line : lines) text += line + "\x1b[K\n";
  text += "\x1b[J";
  drawn_ = lines;
  console_.out << text << std::flush;
}

void Watcher::Print() {
  std::deque<std::string> lines;
  std::vector<std::string> block;
  std::string plan;
  {
    MutexLock lock(mutex_);
    lines.swap(lines_);
    changed_.NotifyAll();
    if (!seen_) return;
    if (!plan_shown_ && !state_.job.plan().stages().empty()) {
      plan = PlanText(state_.job, console_.width) + "\n";
      plan_shown_ = true;
    }
    if (console_.terminal) {
      block = WatchLines(state_, console_.width, console_.color);
    }
  }
  if (!plan.empty()) {
    Redraw({});
    console_.out << plan;
  }
  if (console_.terminal) return Redraw(block);
  for (const std::string& line : lines) console_.out << line << "\n";
  console_.out << std::flush;
}

absl::StatusOr<int> Watcher::End(bool interrupted) {
  Print();
  MutexLock lock(mutex_);
  if (interrupted && !state_done_) {
    console_.out << fmt::format(
        "\nDetached; {} goes on. Watch it again with: penstock job watch "
        "{}{}\n",
        name_, name_, FlagsText(flags_));
    return kExitNotFinished;
  }
  if (!state_status_.ok()) return state_status_;
  return ExitCodeOf(state_.job.state());
}

absl::StatusOr<int> Watcher::Run() {
  const InterruptGuard interrupt;
  std::thread state([this] { WatchState(); });
  std::thread metrics([this] { WatchMetrics(); });
  std::thread traces([this] { WatchTraces(); });
  while (GoesOn() && !interrupt.interrupted()) {
    Print();
    ending_.Wait(kRedrawInterval);
  }
  const absl::StatusOr<int> result = End(interrupt.interrupted());
  ending_.Cancel();
  state.join();
  metrics.join();
  traces.join();
  return result;
}

}  // namespace

absl::StatusOr<int> WatchJob(const ConnectionFlags& flags,
                             const std::string& name, Context& context) {
  return Watcher(flags, name, context.console).Run();
}

void AddWatchCommand(CLI::App& job, Context& context) {
  struct Options {
    ConnectionFlags connection;
    std::string name;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& command = *job.add_subcommand(
      "watch", "Show each step; Ctrl-C leaves the job running");
  AddConnectionFlags(command, options->connection);
  command.add_option("NAME", options->name, "Name of the job")->required();
  command.callback([options, &context] {
    context.run = [options, &context] {
      return WatchJob(options->connection, options->name, context);
    };
  });
}

}  // namespace penstock
