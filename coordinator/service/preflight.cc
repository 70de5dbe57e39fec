#include "coordinator/service/preflight.h"

#include <sys/statvfs.h>

#include <optional>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "proto/file/hugging_face.h"
#include "proto/file/samples.h"
#include "proto/file/token_file.h"

namespace penstock {
namespace {

// "model gpt2, layers 12, ...".
std::string Describe(const Architecture& model) {
  std::string text;
  for (const auto& [name, value] : FieldsOf(model)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  }
  return text;
}

// The model for samples of that many tokens; 0: as many as it takes.
absl::StatusOr<Architecture> ShortenedTo(int64_t sequence_length,
                                         Architecture model) {
  const int64_t most = SequenceLengthOf(model);
  if (sequence_length > most) {
    return absl::InvalidArgumentError(fmt::format(
        "model.sequence_length: {}: must be 1 to {}, as long as the model's "
        "config.json says that sequences may be",
        sequence_length, most));
  }
  if (sequence_length > 0) SetSequenceLength(model, sequence_length);
  return model;
}

absl::Status CheckTokens(const JobSpec& spec, const Architecture& model) {
  const std::string field = fmt::format("data.tokens: {}", spec.data.tokens);
  absl::StatusOr<TokenFile> file =
      TokenFile::Open(spec.data.tokens, spec.data.dtype, VocabularyOf(model));
  if (!file.ok()) return Annotate(file.status(), "data.tokens");
  const absl::StatusOr<Samples> samples = Samples::Create(
      *std::move(file), {.sequence_length = SequenceLengthOf(model)});
  return Annotate(samples.status(), field);
}

absl::Status CheckResume(const JobSpec& spec, const Architecture& model) {
  const std::string& path = spec.checkpoint.resume_from;
  const absl::StatusOr<Manifest> manifest = ReadManifest(path);
  if (!manifest.ok()) {
    return Annotate(manifest.status(), "checkpoint.resume_from");
  }
  if (manifest->model != model) {
    return absl::InvalidArgumentError(fmt::format(
        "checkpoint.resume_from: {}: a checkpoint of another model ({}); this "
        "job's has {}",
        path, Describe(manifest->model), Describe(model)));
  }
  if (manifest->step >= spec.steps) {
    return absl::FailedPreconditionError(fmt::format(
        "steps: {}: the checkpoint {} already has {} updates; ask for more",
        spec.steps, path, manifest->step));
  }
  return absl::OkStatus();
}

// Weights and both moments of AdamW in float32, for each checkpoint that is
// kept and the one being written.
int64_t CheckpointBytes(const JobSpec& spec, const Architecture& model) {
  int64_t parameters = 0;
  for (const Parameter& parameter : AllParameters(model)) {
    parameters += parameter.count();
  }
  return parameters * 12 * (spec.checkpoint.keep + 1);
}

std::optional<std::string> WarnOfDisk(const std::string& directory,
                                      int64_t needed_bytes) {
  struct statvfs disk;
  if (statvfs(directory.c_str(), &disk) != 0) return std::nullopt;
  const int64_t free_bytes =
      static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
  if (free_bytes >= needed_bytes) return std::nullopt;
  return fmt::format(
      "{} has {:.1f} GB free, but the checkpoints of this job need up to "
      "{:.1f} "
      "GB",
      directory, free_bytes * 1e-9, needed_bytes * 1e-9);
}

absl::Status Resolve(const AllowedRoots& roots, std::string_view field,
                     std::string& path) {
  absl::StatusOr<std::string> resolved = roots.Resolve(path);
  if (!resolved.ok()) return Annotate(resolved.status(), field);
  path = *std::move(resolved);
  return absl::OkStatus();
}

}  // namespace

absl::Status Preflight::ResolvePaths(JobSpec& spec) const {
  if (!spec.model.init_from.empty()) {
    RETURN_IF_ERROR(Resolve(roots_, "model.init_from", spec.model.init_from));
  }
  if (!spec.checkpoint.resume_from.empty()) {
    RETURN_IF_ERROR(
        Resolve(roots_, "checkpoint.resume_from", spec.checkpoint.resume_from));
  }
  if (!spec.data.tokens.empty()) {
    RETURN_IF_ERROR(Resolve(roots_, "data.tokens", spec.data.tokens));
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckedJob> Preflight::Check(JobSpec spec) const {
  RETURN_IF_ERROR(ResolvePaths(spec));
  if (!spec.model.init_from.empty()) {
    // Reads the headers of its files, too, but no weights.
    const absl::StatusOr<HuggingFaceModel> model =
        HuggingFaceModel::Open(spec.model.init_from);
    if (!model.ok()) return Annotate(model.status(), "model.init_from");
    ASSIGN_OR_RETURN(spec.model.architecture,
                     ShortenedTo(spec.model.sequence_length, model->config()));
    // What holds of a model that is written out must hold of one that is read.
    RETURN_IF_ERROR(Validate(spec));
  }
  CheckedJob job;
  if (const auto* model = std::get_if<Architecture>(&spec.model.architecture)) {
    RETURN_IF_ERROR(CheckTokens(spec, *model));
    if (!spec.checkpoint.resume_from.empty()) {
      RETURN_IF_ERROR(CheckResume(spec, *model));
    }
    if (std::optional<std::string> warning =
            WarnOfDisk(checkpoint_directory_, CheckpointBytes(spec, *model))) {
      job.warnings.push_back(*std::move(warning));
    }
  }
  job.spec = std::move(spec);
  return job;
}

}  // namespace penstock
