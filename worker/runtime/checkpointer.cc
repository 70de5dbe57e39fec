#include "worker/runtime/checkpointer.h"

#include <span>
#include <utility>
#include <variant>

#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "worker/checkpoint/commit.h"

namespace penstock {

Checkpointer::Checkpointer(const Plan& plan, const Assignment& assignment,
                           RankMemory& memory, Backend& backend, Disk& disk)
    : plan_(plan), memory_(memory), backend_(backend) {
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
      return absl::DeadlineExceededError(
          "the checkpoint before is still being written; look at the disk");
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

std::optional<ShardReport> Checkpointer::Wait(absl::Time deadline) {
  std::optional<ShardReport> report = Poll();
  if (report.has_value() || !writer_.has_value() || !writer_->busy()) {
    return report;
  }
  return writer_->Wait(deadline);
}

absl::StatusOr<std::string> CheckpointCollector::Add(
    const ShardReport& report) {
  std::vector<ShardReport>& reports = pending_[report.step];
  reports.push_back(report);
  if (reports.size() < plan_.ranks.size()) return std::string();
  const std::vector<ShardReport> complete = std::move(reports);
  pending_.erase(report.step);
  const JobSpec& spec = plan_.spec;
  Manifest manifest{.job = spec.name,
                    .epoch = epoch_,
                    .step = report.step,
                    .model = std::get<Gpt2Config>(spec.model.architecture),
                    .samples = cursor_.SamplesAfter(report.step),
                    .shuffled = spec.data.order == SampleOrder::kShuffled,
                    .seed = spec.seed};
  ASSIGN_OR_RETURN(std::string path,
                   CommitCheckpoint(plan_.checkpoint_directory,
                                    std::move(manifest), complete, disk_));
  RETURN_IF_ERROR(
      PruneCheckpoints(plan_.checkpoint_directory, spec.checkpoint.keep, disk_)
          .status());
  return path;
}

}  // namespace penstock
