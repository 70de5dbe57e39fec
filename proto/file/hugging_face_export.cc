#include "proto/file/hugging_face_export.h"

#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/hugging_face_config.h"
#include "proto/file/safetensors.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

absl::Status WriteConfig(const Architecture& model, const std::string& path,
                         Disk& disk) {
  const std::string text = HuggingFaceConfigToJson(model);
  ASSIGN_OR_RETURN(const FileDescriptor file, disk.Create(path));
  RETURN_IF_ERROR(disk.Write(file, std::as_bytes(std::span(text)), path));
  return disk.Sync(file, path);
}

absl::Status WriteModel(CheckpointReader& reader, const std::string& directory,
                        Disk& disk) {
  const Architecture& model = reader.manifest().model;
  std::vector<NamedTensor> tensors;
  for (const Parameter& parameter : AllParameters(model)) {
    ASSIGN_OR_RETURN(const std::span<const float> values,
                     reader.Read(parameter.name, parameter.shape));
    tensors.push_back({parameter.name, parameter.shape, values});
  }
  RETURN_IF_ERROR(disk.MakeDirectory(directory));
  RETURN_IF_ERROR(
      WriteSafetensors(directory + "/model.safetensors", tensors, disk)
          .status());
  RETURN_IF_ERROR(WriteConfig(model, directory + "/config.json", disk));
  return disk.SyncDirectory(directory);
}

}  // namespace

absl::Status ExportHuggingFace(const std::string& checkpoint,
                               const std::string& directory, Disk& disk) {
  std::error_code error;
  // Without a slash at its end, which would put the temporary one inside.
  fs::path target = fs::absolute(directory, error).lexically_normal();
  if (target.filename().empty()) target = target.parent_path();
  if (fs::exists(fs::symlink_status(target, error))) {
    return absl::AlreadyExistsError(fmt::format(
        "{} exists; name a directory to be created", target.string()));
  }
  RETURN_IF_ERROR(VerifyCheckpoint(checkpoint).status());
  ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::Open(checkpoint));
  const std::string temporary = target.string() + ".tmp";
  const auto write = [&]() -> absl::Status {
    RETURN_IF_ERROR(disk.Remove(temporary));
    RETURN_IF_ERROR(WriteModel(reader, temporary, disk));
    return disk.Rename(temporary, target.string());
  };
  if (const absl::Status status = write(); !status.ok()) {
    // The first error is the one to report.
    disk.Remove(temporary).IgnoreError();
    return status;
  }
  return disk.SyncDirectory(target.parent_path().string());
}

}  // namespace penstock
