#include "worker/runtime/checkpointer.h"

#include <span>
#include <utility>
#include <variant>

#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "worker/checkpoint/commit.h"

namespace penstock {
namespace {

// Long enough to mean "until told otherwise"; the loop waits again.
constexpr absl::Duration kIdleWait = absl::Hours(1);

absl::Status StillWriting() {
  return absl::DeadlineExceededError(
      "a checkpoint is still being written; look at the disk");
}

absl::Status StillCommitting() {
  return absl::DeadlineExceededError(
      "a checkpoint is still being committed; look at the disk");
}

}  // namespace

Checkpointer::Checkpointer(const Plan& plan, const Assignment& assignment,
                           RankMemory& memory, Backend& backend, Disk& disk)
    : memory_(memory), backend_(backend) {
  if (assignment.replica != 0 || memory.snapshot_bytes == 0) return;
  writer_.emplace(
      ShardWriter::Options{.directory = plan.checkpoint_directory,
                           .epoch = assignment.epoch,
                           .rank = assignment.rank,
                           .ranks = static_cast<int>(plan.ranks.size())},
      disk);
}

absl::Status Checkpointer::Snapshot(int64_t step, absl::Time deadline) {
  if (!writer_.has_value()) return absl::OkStatus();
  if (writer_->busy()) {
    std::optional<ShardReport> report = writer_->Wait(deadline);
    if (!report.has_value()) {
      return StillWriting();
    }
    reports_.push_back(*std::move(report));
  }
  std::vector<SnapshotTensor> tensors;
  float* copy = reinterpret_cast<float*>(memory_.snapshot);
  for (const ParameterSlot& slot : memory_.parameters) {
    if (!slot.counted) continue;
    const size_t count = static_cast<size_t>(slot.parameter.count());
    std::span<const float> copies[3];
    const float* sources[3] = {slot.weight, slot.first_moment,
                               slot.second_moment};
    for (int i = 0; i < 3; ++i) {
      const std::span<float> target(copy, count);
      RETURN_IF_ERROR(
          backend_.CopyOut(reinterpret_cast<const std::byte*>(sources[i]),
                           std::as_writable_bytes(target)));
      copies[i] = target;
      copy += count;
    }
    tensors.push_back({.name = slot.parameter.name,
                       .shape = slot.parameter.shape,
                       .weight = copies[0],
                       .exp_avg = copies[1],
                       .exp_avg_sq = copies[2]});
  }
  RETURN_IF_ERROR(backend_.Synchronize());
  return writer_->Begin(step, std::move(tensors));
}

std::optional<ShardReport> Checkpointer::Poll() {
  if (reports_.empty()) {
    return writer_.has_value() ? writer_->Poll() : std::nullopt;
  }
  ShardReport report = std::move(reports_.front());
  reports_.pop_front();
  return report;
}

absl::StatusOr<std::optional<ShardReport>> Checkpointer::Wait(
    absl::Time deadline) {
  std::optional<ShardReport> report = Poll();
  if (report.has_value() || !writer_.has_value() || !writer_->busy()) {
    return report;
  }
  report = writer_->Wait(deadline);
  if (!report.has_value()) return StillWriting();
  return report;
}

CheckpointCollector::CheckpointCollector(const Plan& plan, uint64_t epoch,
                                         const DataCursor& cursor,
                                         const RecentMetrics& metrics,
                                         Disk& disk)
    : plan_(plan),
      epoch_(epoch),
      cursor_(cursor),
      metrics_(metrics),
      disk_(disk),
      thread_([this] { Run(); }) {}

CheckpointCollector::~CheckpointCollector() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status CheckpointCollector::Add(const ShardReport& report,
                                      absl::Time deadline) {
  std::vector<ShardReport>& reports = pending_[report.step];
  reports.push_back(report);
  if (reports.size() < plan_.ranks.size()) return absl::OkStatus();
  Job job{report.step, std::move(reports), metrics_.UpTo(report.step)};
  pending_.erase(report.step);
  MutexLock lock(mutex_);
  while (jobs_.size() >= kQueueMax) {
    if (!changed_.WaitUntil(mutex_, deadline)) return StillCommitting();
  }
  jobs_.push_back(std::move(job));
  changed_.NotifyAll();
  return absl::OkStatus();
}

std::vector<CommitResult> CheckpointCollector::Poll() {
  MutexLock lock(mutex_);
  return std::exchange(results_, {});
}

absl::StatusOr<std::vector<CommitResult>> CheckpointCollector::Wait(
    absl::Time deadline) {
  MutexLock lock(mutex_);
  while (committing_ || !jobs_.empty()) {
    if (!changed_.WaitUntil(mutex_, deadline)) return StillCommitting();
  }
  return std::exchange(results_, {});
}

void CheckpointCollector::Run() {
  for (;;) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (!stop_ && jobs_.empty()) {
        changed_.WaitUntil(mutex_, SteadyNow() + kIdleWait);
      }
      if (stop_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      committing_ = true;
      changed_.NotifyAll();
    }
    CommitResult result{job.step, Commit(job)};
    MutexLock lock(mutex_);
    results_.push_back(std::move(result));
    committing_ = false;
    changed_.NotifyAll();
  }
}

absl::StatusOr<std::string> CheckpointCollector::Commit(const Job& job) {
  const JobSpec& spec = plan_.spec;
  Manifest manifest{.job = spec.name,
                    .epoch = epoch_,
                    .step = job.step,
                    .model = std::get<Architecture>(spec.model.architecture),
                    .samples = cursor_.SamplesAfter(job.step),
                    .shuffled = spec.data.order == SampleOrder::kShuffled,
                    .seed = spec.seed};
  ASSIGN_OR_RETURN(
      std::string path,
      CommitCheckpoint(plan_.checkpoint_directory, std::move(manifest),
                       job.reports, job.metrics, disk_));
  RETURN_IF_ERROR(
      PruneCheckpoints(plan_.checkpoint_directory, spec.checkpoint.keep, disk_)
          .status());
  return path;
}

}  // namespace penstock
