#include "proto/file/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "proto/base/check.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_reader.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

struct NamedStep {
  int64_t step = 0;
  std::string path;
};

// The step of "step-00000050"; empty for any other name.
std::optional<int64_t> StepOfName(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  if (!std::string_view(name).starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(),
                  step);
  if (step < 0 || CheckpointName(step) != name) return std::nullopt;
  return step;
}

// What is named as a checkpoint, complete or not, by step.
absl::StatusOr<std::vector<NamedStep>> NamedSteps(
    const std::string& directory) {
  std::error_code error;
  std::vector<NamedStep> steps;
  fs::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return steps;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (const auto step = StepOfName(name)) {
      steps.push_back({*step, directory + "/" + name});
    }
  }
  if (error) return ErrnoStatus(error.value(), directory);
  std::sort(
      steps.begin(), steps.end(),
      [](const NamedStep& a, const NamedStep& b) { return a.step < b.step; });
  return steps;
}

absl::StatusOr<CheckpointEntry> EntryOf(const std::string& path,
                                        const Manifest& manifest) {
  struct stat info {};
  const std::string file = path + "/" + kManifestName;
  if (::stat(file.c_str(), &info) != 0) return ErrnoStatus(errno, file);
  CheckpointEntry entry{.path = path, .step = manifest.step};
  entry.time = absl::TimeFromTimespec(info.st_mtim);
  for (const ShardFile& shard : manifest.shards) entry.bytes += shard.size;
  return entry;
}

bool HasItsSizes(const std::string& path, const Manifest& manifest) {
  return std::all_of(manifest.shards.begin(), manifest.shards.end(),
                     [&](const ShardFile& shard) {
                       std::error_code error;
                       const uintmax_t size =
                           fs::file_size(path + "/" + shard.file, error);
                       return !error && size == shard.size;
                     });
}

// One copy of `path` gone from sight at once, then from the disk.
absl::Status RemoveCheckpoint(const std::string& directory, int64_t step,
                              Disk& disk) {
  const std::string hidden =
      fmt::format("{}/.{}.deleted", directory, CheckpointName(step));
  RETURN_IF_ERROR(disk.Remove(hidden));
  RETURN_IF_ERROR(disk.Rename(directory + "/" + CheckpointName(step), hidden));
  RETURN_IF_ERROR(disk.SyncDirectory(directory));
  return disk.Remove(hidden);
}

}  // namespace

absl::StatusOr<Manifest> VerifyCheckpoint(const std::string& path) {
  ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::Open(path));
  const Manifest& manifest = reader.manifest();
  int64_t listed = 0;
  for (const ShardFile& shard : manifest.shards) {
    listed += static_cast<int64_t>(shard.tensors.size());
  }
  // Each layer has tensors: bounds what the next line makes of a damaged one.
  if (LayersOf(manifest.model) > listed) {
    return absl::InvalidArgumentError(
        fmt::format("{}/{}: {} tensors are too few for {} layers", path,
                    kManifestName, listed, LayersOf(manifest.model)));
  }
  const std::vector<Parameter> parameters = AllParameters(manifest.model);
  for (const Parameter& parameter : parameters) {
    for (const std::string& name : {parameter.name, ExpAvgName(parameter.name),
                                    ExpAvgSqName(parameter.name)}) {
      RETURN_IF_ERROR(reader.Read(name, parameter.shape).status());
    }
  }
  const auto expected = static_cast<int64_t>(3 * parameters.size());
  if (listed == expected) return manifest;
  return absl::InvalidArgumentError(
      fmt::format("{}/{}: {} tensors, the model has {}", path, kManifestName,
                  listed, expected));
}

absl::StatusOr<std::vector<CheckpointEntry>> ListCheckpoints(
    const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<NamedStep> steps, NamedSteps(directory));
  std::vector<CheckpointEntry> entries;
  for (const NamedStep& named : steps) {
    const auto manifest = ReadManifest(named.path);
    if (!manifest.ok() || manifest->step != named.step ||
        !HasItsSizes(named.path, *manifest)) {
      continue;
    }
    ASSIGN_OR_RETURN(CheckpointEntry entry, EntryOf(named.path, *manifest));
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<GoodCheckpoint> NewestGoodCheckpoint(
    const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<NamedStep> steps, NamedSteps(directory));
  GoodCheckpoint good;
  for (auto named = steps.rbegin(); named != steps.rend(); ++named) {
    const auto manifest = VerifyCheckpoint(named->path);
    if (manifest.ok()) {
      ASSIGN_OR_RETURN(good.entry, EntryOf(named->path, *manifest));
      return good;
    }
    good.damages.emplace_back(manifest.status().message());
  }
  return absl::NotFoundError(
      good.damages.empty()
          ? fmt::format("{} has no checkpoint", directory)
          : fmt::format("{} has no good checkpoint: {}", directory,
                        fmt::join(good.damages, "; ")));
}

absl::StatusOr<std::vector<std::string>> PruneCheckpoints(
    const std::string& directory, int64_t keep, Disk& disk) {
  PENSTOCK_CHECK(keep >= 1);
  ASSIGN_OR_RETURN(const std::vector<CheckpointEntry> entries,
                   ListCheckpoints(directory));
  std::vector<std::string> removed;
  const auto count = static_cast<int64_t>(entries.size());
  for (int64_t i = 0; i < count - keep; ++i) {
    RETURN_IF_ERROR(RemoveCheckpoint(directory, entries[i].step, disk));
    removed.push_back(entries[i].path);
  }
  return removed;
}

}  // namespace penstock
