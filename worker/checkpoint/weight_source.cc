#include "worker/checkpoint/weight_source.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/hugging_face.h"
#include "proto/file/stored_floats.h"

namespace penstock {
namespace {

absl::Status CheckSize(const Parameter& parameter, size_t bytes,
                       std::span<float> out) {
  if (bytes == out.size_bytes()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("tensor {} has {} bytes, the buffer for it {}",
                  parameter.name, bytes, out.size_bytes()));
}

class CheckpointSource : public WeightSource {
 public:
  explicit CheckpointSource(CheckpointReader reader)
      : reader_(std::move(reader)) {}

  const Architecture& model() const override {
    return reader_.manifest().model;
  }
  bool has_moments() const override { return true; }

  absl::Status ReadWeight(const Parameter& parameter,
                          std::span<float> out) override {
    return Copy(parameter.name, parameter, out);
  }

  absl::Status ReadMoments(const Parameter& parameter, std::span<float> exp_avg,
                           std::span<float> exp_avg_sq) override {
    RETURN_IF_ERROR(Copy(ExpAvgName(parameter.name), parameter, exp_avg));
    return Copy(ExpAvgSqName(parameter.name), parameter, exp_avg_sq);
  }

 private:
  absl::Status Copy(const std::string& name, const Parameter& parameter,
                    std::span<float> out) {
    ASSIGN_OR_RETURN(const std::span<const float> values,
                     reader_.Read(name, parameter.shape));
    RETURN_IF_ERROR(CheckSize(parameter, values.size_bytes(), out));
    std::copy(values.begin(), values.end(), out.begin());
    return absl::OkStatus();
  }

  CheckpointReader reader_;
};

class HuggingFaceSource : public WeightSource {
 public:
  // `model`: that of the files, or the same for shorter sequences.
  HuggingFaceSource(std::string directory, HuggingFaceModel files,
                    Architecture model)
      : directory_(std::move(directory)),
        files_(std::move(files)),
        model_(std::move(model)) {}

  const Architecture& model() const override { return model_; }
  bool has_moments() const override { return false; }

  absl::Status ReadWeight(const Parameter& parameter,
                          std::span<float> out) override {
    StoredFloats stored = files_.Find(parameter.name);
    if (stored.empty()) {
      return absl::NotFoundError(
          fmt::format("{}: tensor {} is missing", directory_, parameter.name));
    }
    if (IsPositionTable(parameter)) {
      stored = stored.First(
          std::min(stored.count(), static_cast<size_t>(parameter.count())));
    }
    RETURN_IF_ERROR(CheckSize(parameter, stored.count() * sizeof(float), out));
    stored.Widen(out);
    return absl::OkStatus();
  }

  absl::Status ReadMoments(const Parameter&, std::span<float>,
                           std::span<float>) override {
    return absl::FailedPreconditionError(
        fmt::format("{} has no optimizer state", directory_));
  }

 private:
  // Whose rows are a model's positions: the embedding's second, if any.
  bool IsPositionTable(const Parameter& parameter) const {
    const std::vector<Parameter> embedding = UnitParameters(model_, 0);
    return embedding.size() > 1 && embedding[1].name == parameter.name;
  }

  const std::string directory_;
  const HuggingFaceModel files_;
  const Architecture model_;
};

// The first field in which the two differ.
absl::Status CheckSameModel(const Architecture& found,
                            const Architecture& expected,
                            std::string_view path) {
  const auto found_fields = FieldsOf(found);
  const auto expected_fields = FieldsOf(expected);
  // Of different architectures, the first fields differ.
  for (size_t i = 0; i < found_fields.size(); ++i) {
    const auto& [name, value] = found_fields[i];
    const std::string& wanted = expected_fields[i].second;
    if (value == wanted) continue;
    return absl::FailedPreconditionError(
        fmt::format("{} is of another model: its {} is {}, the job's {}", path,
                    name, value, wanted));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<WeightSource>> OpenCheckpointSource(
    const std::string& path, const Architecture& model) {
  ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::Open(path));
  RETURN_IF_ERROR(CheckSameModel(reader.manifest().model, model, path));
  return std::unique_ptr<WeightSource>(
      std::make_unique<CheckpointSource>(std::move(reader)));
}

absl::StatusOr<std::unique_ptr<WeightSource>> OpenHuggingFaceSource(
    const std::string& directory, const Architecture& model) {
  ASSIGN_OR_RETURN(HuggingFaceModel opened, HuggingFaceModel::Open(directory));
  Architecture found = opened.config();
  if (SequenceLengthOf(model) < SequenceLengthOf(found)) {
    SetSequenceLength(found, SequenceLengthOf(model));
  }
  RETURN_IF_ERROR(CheckSameModel(found, model, directory));
  return std::unique_ptr<WeightSource>(std::make_unique<HuggingFaceSource>(
      directory, std::move(opened), std::move(found)));
}

}  // namespace penstock
