#include "worker/checkpoint/commit.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_metrics.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/safetensors.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

// One report per rank, each of this checkpoint and without failure.
absl::Status CheckReports(const Manifest& manifest,
                          const std::vector<ShardReport>& reports) {
  std::set<int> ranks;
  for (const ShardReport& report : reports) {
    if (report.epoch != manifest.epoch || report.step != manifest.step) {
      return absl::FailedPreconditionError(fmt::format(
          "rank {} reports a checkpoint of epoch {}, step {}; expected {}, {}",
          report.rank, report.epoch, report.step, manifest.epoch,
          manifest.step));
    }
    if (!report.status.ok()) {
      return Annotate(report.status, fmt::format("rank {}", report.rank));
    }
    ranks.insert(report.rank);
  }
  const bool complete = !ranks.empty() && ranks.size() == reports.size() &&
                        *ranks.begin() == 0 &&
                        *ranks.rbegin() + 1 == static_cast<int>(ranks.size());
  if (complete) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} reports are not one per rank", reports.size()));
}

// Adds the shards to the manifest, with the tensors that their headers list.
absl::Status AddShards(const std::string& temporary,
                       const std::vector<ShardReport>& reports,
                       Manifest& manifest) {
  for (const ShardReport& report : reports) {
    for (ShardFile shard : report.files) {
      const std::string path = temporary + "/" + shard.file;
      ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
      if (file.bytes().size() != shard.size) {
        return absl::InvalidArgumentError(
            fmt::format("{} has {} bytes, rank {} wrote {}", path,
                        file.bytes().size(), report.rank, shard.size));
      }
      for (const auto& [name, entry] : file.index()) {
        shard.tensors.push_back(name);
      }
      manifest.shards.push_back(std::move(shard));
    }
  }
  return absl::OkStatus();
}

// Every tensor that a reader will look for, once. Shapes follow from the model
// that wrote them.
absl::Status CheckTensors(const Manifest& manifest) {
  std::set<std::string> missing;
  for (const Parameter& parameter : AllParameters(manifest.model)) {
    missing.insert(parameter.name);
    missing.insert(ExpAvgName(parameter.name));
    missing.insert(ExpAvgSqName(parameter.name));
  }
  for (const ShardFile& shard : manifest.shards) {
    for (const std::string& tensor : shard.tensors) {
      if (missing.erase(tensor) == 1) continue;
      return absl::InvalidArgumentError(fmt::format(
          "{}: tensor {} is another rank's or no parameter of the model",
          shard.file, tensor));
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("no rank wrote tensor {}", *missing.begin()));
}

absl::Status WriteText(const std::string& path, const std::string& text,
                       Disk& disk) {
  ASSIGN_OR_RETURN(const FileDescriptor file, disk.Create(path));
  RETURN_IF_ERROR(disk.Write(file, std::as_bytes(std::span(text)), path));
  return disk.Sync(file, path);
}

// True for what a plan before `epoch` was writing or a retention was deleting.
bool IsStale(std::string_view name, uint64_t epoch) {
  constexpr std::string_view kPrefix = ".step-";
  constexpr std::string_view kEpoch = ".epoch-";
  if (!name.starts_with(kPrefix)) return false;
  if (name.ends_with(".deleted")) return true;
  const size_t at = name.find(kEpoch);
  if (at == name.npos) return false;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + at + kEpoch.size(),
                                            name.data() + name.size(), number);
  return error == std::errc() && number < epoch;
}

}  // namespace

absl::StatusOr<std::string> CommitCheckpoint(
    const std::string& directory, Manifest manifest,
    const std::vector<ShardReport>& reports,
    std::span<const StepMetrics> metrics, Disk& disk) {
  const std::string temporary =
      TemporaryCheckpointPath(directory, manifest.epoch, manifest.step);
  const std::string path = directory + "/" + CheckpointName(manifest.step);
  const auto prepare_and_rename = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckReports(manifest, reports));
    RETURN_IF_ERROR(AddShards(temporary, reports, manifest));
    RETURN_IF_ERROR(CheckTensors(manifest));
    RETURN_IF_ERROR(WriteText(temporary + "/" + kCheckpointMetricsName,
                              CheckpointMetricsToJson(metrics), disk));
    RETURN_IF_ERROR(WriteText(temporary + "/" + kManifestName,
                              ManifestToJson(manifest), disk));
    RETURN_IF_ERROR(disk.SyncDirectory(temporary));
    return disk.Rename(temporary, path);
  };
  if (const absl::Status status = prepare_and_rename(); !status.ok()) {
    // The first error is the one to report.
    disk.Remove(temporary).IgnoreError();
    return Annotate(
        status, fmt::format("checkpoint of step {} dropped", manifest.step));
  }
  // A checkpoint of this step that was there before has the temporary name now
  // and stays until the new one is sure to survive a crash.
  RETURN_IF_ERROR(disk.SyncDirectory(directory));
  RETURN_IF_ERROR(disk.Remove(temporary));
  return path;
}

absl::Status RemoveStaleTemporaries(const std::string& directory,
                                    uint64_t epoch, Disk& disk) {
  std::error_code error;
  std::vector<std::string> stale;
  fs::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return absl::OkStatus();
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (IsStale(entry->path().filename().string(), epoch)) {
      stale.push_back(entry->path().string());
    }
  }
  if (error) return ErrnoStatus(error.value(), directory);
  for (const std::string& path : stale) RETURN_IF_ERROR(disk.Remove(path));
  return absl::OkStatus();
}

}  // namespace penstock
