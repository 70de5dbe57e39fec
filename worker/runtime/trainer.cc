#include "worker/runtime/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_metrics.h"
#include "worker/checkpoint/commit.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/peers.h"
#include "worker/runtime/rank_stages.h"
#include "worker/runtime/weights.h"

namespace penstock {
namespace {

// A wait this long is a hang: a step takes seconds, and a slow one is allowed
// ten times its forecast.
absl::Duration WaitMax(const Plan& plan) {
  return std::max(absl::Seconds(60), 10 * plan.step_time);
}

// Traces go out of runs of successive steps, for what lies between two steps
// counts as well,
constexpr int64_t kTracedRun = 8;

// and of so many steps a second: more would be dropped on their way, and of
// each rank other ones.
constexpr double kTracedPerSecond = 16;

// The same on all ranks, which have the same plan.
bool IsTraced(const Plan& plan, int64_t step) {
  const double seconds = absl::ToDoubleSeconds(plan.step_time);
  if (seconds <= 0) return true;
  const auto every =
      static_cast<int64_t>(std::ceil(1 / (seconds * kTracedPerSecond)));
  return (step - 1) / kTracedRun % every == 0;
}

// Those in the checkpoint that the job goes on from, up to its step. One that
// is not in its own directory has another job's steps.
absl::StatusOr<std::vector<StepMetrics>> EarlierMetrics(
    const Plan& plan, const AllowedRoots& roots) {
  std::vector<StepMetrics> metrics;
  if (plan.start.checkpoint.empty()) return metrics;
  ASSIGN_OR_RETURN(const std::string path,
                   roots.Resolve(plan.start.checkpoint));
  if (std::filesystem::path(path).parent_path() != plan.checkpoint_directory) {
    return metrics;
  }
  ASSIGN_OR_RETURN(metrics, ReadCheckpointMetrics(path));
  std::erase_if(metrics, [&plan](const StepMetrics& step) {
    return step.step > plan.start.step;
  });
  return metrics;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Prepare(
    const Plan& plan, const Assignment& assignment, BackendMaker make_backend,
    const AllowedRoots& roots, Disk& disk, TrainerEvents events) {
  std::unique_ptr<Trainer> trainer(new Trainer(
      plan, assignment, std::move(make_backend), disk, std::move(events)));
  RETURN_IF_ERROR(Annotate(trainer->Load(roots),
                           fmt::format("replica {} rank {} preparing",
                                       assignment.replica, assignment.rank)));
  return trainer;
}

Trainer::Trainer(const Plan& plan, const Assignment& assignment,
                 BackendMaker make_backend, Disk& disk, TrainerEvents events)
    : plan_(plan),
      assignment_(assignment),
      events_(std::move(events)),
      wait_max_(WaitMax(plan)),
      make_backend_(std::move(make_backend)),
      disk_(disk),
      next_revision_(plan.revision),
      pending_(plan.revision) {
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    counted_.push_back(CountedParameters(plan, static_cast<int>(rank)));
  }
  trace_.replica = assignment.replica;
  trace_.rank = assignment.rank;
}

Trainer::~Trainer() = default;

absl::Status Trainer::Load(const AllowedRoots& roots) {
  ASSIGN_OR_RETURN(backend_, make_backend_());
  ASSIGN_OR_RETURN(memory_, PlanRankMemory(*backend_, plan_, assignment_.rank));
  int64_t start_samples = 0;
  if (TrainedModelOf(plan_) != nullptr) {
    ASSIGN_OR_RETURN(plan_.checkpoint_directory,
                     roots.Resolve(plan_.checkpoint_directory));
    ASSIGN_OR_RETURN(start_samples,
                     LoadWeights(plan_, roots, *backend_, memory_));
    cursor_ = DataCursor::Of(plan_, start_samples);
    const bool reads = std::any_of(memory_.stages.begin(), memory_.stages.end(),
                                   [&](const auto& stage) {
                                     return IsFirstStage(plan_, stage.stage) ||
                                            IsLastStage(plan_, stage.stage);
                                   });
    if (reads) {
      ASSIGN_OR_RETURN(data_, SampleReader::Open(plan_, assignment_.replica,
                                                 cursor_, roots));
    }
  }
  checkpointer_.emplace(plan_, assignment_, memory_, *backend_, disk_);
  if (assignment_.replica == 0 && assignment_.rank == 0) {
    MakeLeader(roots);
    if (TrainedModelOf(plan_) != nullptr) {
      RETURN_IF_ERROR(
          Annotate(RemoveStaleTemporaries(plan_.checkpoint_directory,
                                          assignment_.epoch, disk_),
                   "what an earlier plan left half-written"));
    }
  }
  MutexLock lock(mutex_);
  progress_.step = plan_.start.step;
  progress_.revision = plan_.revision;
  progress_.checkpoint = plan_.start.checkpoint;
  progress_.checkpoint_step = plan_.start.step;
  return absl::OkStatus();
}

void Trainer::MakeLeader(const AllowedRoots& roots) {
  absl::StatusOr<std::vector<StepMetrics>> earlier =
      EarlierMetrics(plan_, roots);
  if (!earlier.ok()) {
    // Training needs them for nothing.
    events_.on_log("warn",
                   fmt::format("metrics of earlier steps: {}",
                               std::string(earlier.status().message())));
  }
  leader_.emplace(
      plan_, disk_,
      StepLeader::Options{
          .epoch = assignment_.epoch,
          .cursor = cursor_,
          .wait_max = wait_max_,
          .counted = counted_,
          .earlier =
              earlier.ok() ? *std::move(earlier) : std::vector<StepMetrics>(),
          .events = events_,
          .on_checkpoint = [this](const std::string& path, int64_t step) {
            MutexLock lock(mutex_);
            progress_.checkpoint = path;
            progress_.checkpoint_step = step;
          }});
}

absl::Status Trainer::Run(Link& link, LinkGroup* replicas) {
  const absl::Status status = Train(link, replicas);
  if (!status.ok()) link.Abort(status);
  // These threads end by the abort, or have nothing to do.
  reducer_.reset();
  background_.reset();
  return status;
}

absl::Status Trainer::Train(Link& link, LinkGroup* replicas) {
  if (UpdatesPerStep(plan_) > 0) {
    versions_.emplace(plan_, assignment_.rank, *backend_, memory_);
  }
  std::vector<int> norm_counts;
  for (const auto& counted : counted_)
    norm_counts.push_back(std::ssize(counted));
  agreement_.emplace(plan_, assignment_, norm_counts, link, wait_max_);
  if (plan_.spec.parallelism.data > 1 || plan_.copies > 1) {
    ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend, make_backend_());
    reducer_ = std::make_unique<GradientReducer>(plan_, assignment_, memory_,
                                                 link, replicas,
                                                 std::move(backend), wait_max_);
  }
  if (plan_.spec.parallelism.optimistic_update) {
    optimistic_.emplace(plan_.spec, *backend_, memory_);
    background_ = std::make_unique<BackgroundAgreement>(*agreement_, link);
  }
  RETURN_IF_ERROR(PrepareProgram(link));
  if (leader_.has_value()) leader_->Begin();
  int64_t step = plan_.start.step;
  last_step_ = plan_.spec.steps;
  while (step < last_step_) {
    ++step;
    step_begin_ = SteadyNow();
    trace_.step = step;
    trace_.start_us = absl::ToUnixMicros(step_begin_);
    RETURN_IF_ERROR(executor_->Run(step));
    action_index_ = -1;
    if (cancelled_) return absl::CancelledError("training was cut off");
    {
      MutexLock lock(mutex_);
      progress_.step = step;
    }
    if (events_.on_trace && IsTraced(plan_, step)) events_.on_trace(trace_);
    RETURN_IF_ERROR(TurnTo(next_revision_, link));
  }
  return FinishCheckpoints(step);
}

// For the program in force.
absl::Status Trainer::PrepareProgram(Link& link) {
  ASSIGN_OR_RETURN(
      std::vector<std::unique_ptr<Stage>> stages,
      MakeRankStages(plan_, memory_, *backend_, data_.get(),
                     versions_.has_value() ? &*versions_ : nullptr));
  executor_ = std::make_unique<StepExecutor>(plan_, assignment_, memory_,
                                             std::move(stages), link, wait_max_,
                                             MakeHooks(link), MakeListener());
  const size_t actions = plan_.ranks[assignment_.rank].program.size();
  trace_.revision = plan_.revision;
  trace_.begin_us.assign(actions, 0);
  trace_.end_us.assign(actions, 0);
  return absl::OkStatus();
}

// Between two steps nothing is lent and nothing under way; the reducer's and
// the checkpointer's threads read only what stays.
absl::Status Trainer::TurnTo(uint64_t revision, Link& link) {
  if (revision == plan_.revision) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::shared_ptr<const Plan> next,
                   pending_.Take(revision));
  RETURN_IF_ERROR(CheckRevision(plan_, *next));
  {
    MutexLock lock(mutex_);
    // One by one: the vectors themselves stay, which other threads look into.
    std::copy(next->ranks.begin(), next->ranks.end(), plan_.ranks.begin());
    std::copy(next->stages.begin(), next->stages.end(), plan_.stages.begin());
    plan_.revision = revision;
    plan_.schedule = next->schedule;
    plan_.schedule_reason = next->schedule_reason;
    plan_.bubble_fraction = next->bubble_fraction;
    plan_.step_time = next->step_time;
    progress_.revision = revision;
  }
  RETURN_IF_ERROR(
      Annotate(ReplanPools(*backend_, plan_, assignment_.rank, memory_),
               fmt::format("turning to revision {} of the plan", revision)));
  return PrepareProgram(link);
}

StepHooks Trainer::MakeHooks(Link& link) {
  return {
      .reduce_gradient =
          [this](int64_t step, int stage) {
            if (reducer_ != nullptr) reducer_->Start(step, stage);
            return absl::OkStatus();
          },
      .reduce_copy =
          [this](int64_t step, int stage) {
            if (reducer_ != nullptr) reducer_->StartCopies(step, stage);
            return absl::OkStatus();
          },
      .reduce_tied = [this, &link](
                         int64_t step,
                         int stage) { return ReduceTied(step, stage, link); },
      .update = [this](int64_t step, int stage,
                       int version) { return Update(step, stage, version); },
      .optimize = [this](int64_t step) { return Optimize(step); },
      .validate = optimistic_.has_value()
                      ? [this](int64_t step) { return ValidateUpdate(step); }
                      : StepHooks().validate};
}

StepListener Trainer::MakeListener() {
  return {
      .on_wait = [this](size_t index, const Action&) { action_index_ = index; },
      .on_end =
          [this](size_t index, absl::Time begin, absl::Time end) {
            trace_.begin_us[index] = static_cast<uint32_t>(
                absl::ToInt64Microseconds(begin - step_begin_));
            trace_.end_us[index] = static_cast<uint32_t>(
                absl::ToInt64Microseconds(end - step_begin_));
          }};
}

absl::Status Trainer::ReduceTied(int64_t step, int stage, Link& link) {
  if (memory_.tied.empty() || memory_.tied.front().stage != stage) {
    return absl::OkStatus();
  }
  if (reducer_ != nullptr) RETURN_IF_ERROR(reducer_->Wait());
  const TiedGradient& tied = memory_.tied.front();
  if (tied.other_rank >= 0) {
    const int peer = PeerOf(plan_, assignment_.replica, tied.other_rank);
    const MessageKey key = MakeKey(step, MessageKind::kTiedGradient, 0, 0);
    const auto floats = [&](float* data) {
      return std::as_writable_bytes(
          std::span(data, static_cast<size_t>(tied.count)));
    };
    RETURN_IF_ERROR(link.PostReceive(peer, key, floats(tied.other)));
    RETURN_IF_ERROR(link.Send(peer, key, floats(tied.gradient)));
    RETURN_IF_ERROR(link.WaitReceived(peer, key, Deadline()));
    RETURN_IF_ERROR(link.WaitSent(peer, key, Deadline()));
  }
  // Two summands: both ranks get the same bits, whichever comes first.
  return backend_->Accumulate(tied.other, tied.count, tied.gradient);
}

absl::Status Trainer::Update(int64_t step, int stage, int version) {
  if (!versions_.has_value()) {
    return absl::InternalError("the plan's first rank has no UPDATE");
  }
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(versions_->Update(step, stage, version));
  busy_ += SteadyNow() - begin;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> Trainer::NormsSquared() {
  if (versions_.has_value()) return versions_->norms_squared();
  return GradientNormsSquared(*backend_, memory_);
}

absl::Status Trainer::Optimize(int64_t step) {
  if (reducer_ != nullptr) RETURN_IF_ERROR(reducer_->Wait());
  const absl::Time begin = SteadyNow();
  StepReport report{.loss_sum = executor_->LossSum(),
                    .shard = checkpointer_->Poll(),
                    .revision = pending_.held()};
  ASSIGN_OR_RETURN(report.norms_squared, NormsSquared());
  busy_ += executor_->TakeBusy() + (SteadyNow() - begin);
  report.busy_seconds = absl::ToDoubleSeconds(busy_);
  busy_ = absl::ZeroDuration();
  const auto decide = [this, step](const std::vector<StepReport>& reports) {
    return leader_->Decide(step, reports);
  };
  // After the last step nothing is made meanwhile.
  if (optimistic_.has_value() && step < last_step_) {
    background_->Begin(step, std::move(report), decide);
    const absl::Time update = SteadyNow();
    RETURN_IF_ERROR(optimistic_->Apply(step));
    busy_ += SteadyNow() - update;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const StepDecision decision,
                   agreement_->Agree(step, report, decide));
  const absl::Time update = SteadyNow();
  if (versions_.has_value()) {
    versions_->EndStep();
  } else {
    RETURN_IF_ERROR(UpdateWeights(plan_.spec, step,
                                  static_cast<float>(decision.clip_factor),
                                  *backend_, memory_));
  }
  busy_ += SteadyNow() - update;
  return Conclude(step, decision);
}

// The weights are those after update `step`.
absl::Status Trainer::Conclude(int64_t step, const StepDecision& decision) {
  last_step_ = decision.last_step;
  next_revision_ = decision.revision;
  if (!decision.checkpoint) return absl::OkStatus();
  return checkpointer_->Snapshot(step, Deadline());
}

absl::StatusOr<bool> Trainer::ValidateUpdate(int64_t step) {
  if (!optimistic_->pending().has_value()) return true;  // The first step.
  const absl::StatusOr<StepDecision> decision = background_->Await();
  if (!decision.ok()) {
    RETURN_IF_ERROR(optimistic_->TakeBack());
    return decision.status();
  }
  const float clip_factor = static_cast<float>(decision->clip_factor);
  const bool valid = clip_factor == 1;
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(valid ? optimistic_->Confirm()
                        : optimistic_->Redo(clip_factor));
  busy_ += SteadyNow() - begin;
  RETURN_IF_ERROR(Conclude(step - 1, *decision));
  return valid;
}

// The last checkpoint is written behind nothing: everyone waits for it, so that
// a job that ended has it.
absl::Status Trainer::FinishCheckpoints(int64_t step) {
  constexpr int kRounds = 2;  // The last checkpoint's and the one's before.
  for (int round = 1; round <= kRounds; ++round) {
    StepReport report;
    ASSIGN_OR_RETURN(report.shard, checkpointer_->Wait(Deadline()));
    report.norms_squared.resize(counted_[assignment_.rank].size());
    const auto decide = [&](const std::vector<StepReport>& reports)
        -> absl::StatusOr<StepDecision> {
      RETURN_IF_ERROR(leader_->CollectShards(reports));
      if (round == kRounds) RETURN_IF_ERROR(leader_->CheckLastCheckpoint(step));
      return StepDecision{};
    };
    RETURN_IF_ERROR(agreement_->Agree(step + round, report, decide).status());
  }
  return absl::OkStatus();
}

Progress Trainer::progress() const {
  MutexLock lock(mutex_);
  Progress progress = progress_;
  // Of the program in force: between steps, when that changes, there is none.
  const int index = action_index_;
  if (index >= 0) {
    progress.action = ToString(plan_.ranks[assignment_.rank].program[index]);
  }
  return progress;
}

absl::Time Trainer::Deadline() const { return SteadyNow() + wait_max_; }

}  // namespace penstock
