#include "worker/checkpoint/shard_writer.h"

#include <utility>

#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/manifest.h"
#include "proto/file/safetensors.h"

namespace penstock {
namespace {

// Long enough to mean "until told otherwise"; the loop waits again.
constexpr absl::Duration kIdleWait = absl::Hours(1);

std::vector<NamedTensor> Weights(const std::vector<SnapshotTensor>& tensors) {
  std::vector<NamedTensor> weights;
  for (const SnapshotTensor& tensor : tensors) {
    weights.push_back({tensor.name, tensor.shape, tensor.weight});
  }
  return weights;
}

std::vector<NamedTensor> Moments(const std::vector<SnapshotTensor>& tensors) {
  std::vector<NamedTensor> moments;
  for (const SnapshotTensor& tensor : tensors) {
    moments.push_back({ExpAvgName(tensor.name), tensor.shape, tensor.exp_avg});
    moments.push_back(
        {ExpAvgSqName(tensor.name), tensor.shape, tensor.exp_avg_sq});
  }
  return moments;
}

absl::Status WriteShard(const std::string& directory, const std::string& name,
                        const std::vector<NamedTensor>& tensors, Disk& disk,
                        std::vector<ShardFile>& files) {
  ASSIGN_OR_RETURN(WrittenFile written,
                   WriteSafetensors(directory + "/" + name, tensors, disk));
  files.push_back(
      {.file = name, .size = written.size, .xxh3 = std::move(written.xxh3)});
  return absl::OkStatus();
}

}  // namespace

ShardWriter::ShardWriter(Options options, Disk& disk)
    : options_(std::move(options)), disk_(disk), thread_([this] { Run(); }) {}

ShardWriter::~ShardWriter() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

absl::Status ShardWriter::Begin(int64_t step,
                                std::vector<SnapshotTensor> tensors) {
  {
    MutexLock lock(mutex_);
    if (busy_) {
      return absl::FailedPreconditionError(
          "the checkpoint before is still being written; skip this one or "
          "wait for its report");
    }
    busy_ = true;
    job_ = Job{step, std::move(tensors)};
  }
  changed_.NotifyAll();
  return absl::OkStatus();
}

bool ShardWriter::busy() const {
  MutexLock lock(mutex_);
  return busy_;
}

std::optional<ShardReport> ShardWriter::Poll() {
  return Wait(absl::InfinitePast());
}

std::optional<ShardReport> ShardWriter::Wait(absl::Time deadline) {
  MutexLock lock(mutex_);
  while (busy_ && !report_.has_value() && SteadyNow() < deadline) {
    changed_.WaitUntil(mutex_, deadline);
  }
  if (!report_.has_value()) return std::nullopt;
  busy_ = false;
  return std::exchange(report_, std::nullopt);
}

void ShardWriter::Run() {
  while (true) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (!stop_ && !job_.has_value()) {
        changed_.WaitUntil(mutex_, SteadyNow() + kIdleWait);
      }
      if (!job_.has_value()) return;
      job = *std::exchange(job_, std::nullopt);
    }
    ShardReport report = WriteShards(job);
    {
      MutexLock lock(mutex_);
      report_ = std::move(report);
    }
    changed_.NotifyAll();
  }
}

ShardReport ShardWriter::WriteShards(const Job& job) {
  ShardReport report{
      .epoch = options_.epoch, .step = job.step, .rank = options_.rank};
  const std::string directory =
      TemporaryCheckpointPath(options_.directory, options_.epoch, job.step);
  const std::string model = ModelShardName(options_.rank, options_.ranks);
  const std::string optimizer =
      OptimizerShardName(options_.rank, options_.ranks);
  const auto write = [&]() -> absl::Status {
    RETURN_IF_ERROR(disk_.MakeDirectory(directory));
    RETURN_IF_ERROR(WriteShard(directory, model, Weights(job.tensors), disk_,
                               report.files));
    RETURN_IF_ERROR(WriteShard(directory, optimizer, Moments(job.tensors),
                               disk_, report.files));
    // The names, too; ranks on other machines cannot do it for this one.
    return disk_.SyncDirectory(directory);
  };
  report.status = write();
  if (!report.status.ok()) {
    // Gives the space back; the first error is the one to report.
    disk_.Remove(directory + "/" + model).IgnoreError();
    disk_.Remove(directory + "/" + optimizer).IgnoreError();
    report.files.clear();
  }
  return report;
}

}  // namespace penstock
