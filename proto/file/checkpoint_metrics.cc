#include "proto/file/checkpoint_metrics.h"

#include <cstdint>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "penstock.metrics";
constexpr int64_t kVersion = 1;

template <typename Value>
struct Column {
  const char* name;
  Value StepMetrics::*field;
};

constexpr Column<int64_t> kStep = {"step", &StepMetrics::step};
constexpr Column<double> kReals[] = {
    {"loss", &StepMetrics::loss},
    {"grad_norm", &StepMetrics::grad_norm},
    {"tokens_per_second", &StepMetrics::tokens_per_second},
    {"bubble_fraction_measured", &StepMetrics::bubble_fraction_measured},
    {"bubble_fraction_predicted", &StepMetrics::bubble_fraction_predicted},
    {"step_seconds", &StepMetrics::step_seconds},
    {"step_seconds_predicted", &StepMetrics::step_seconds_predicted}};
constexpr Column<uint64_t> kRevision = {"plan_revision",
                                        &StepMetrics::plan_revision};

absl::Status CheckFormat(const json& object) {
  ASSIGN_OR_RETURN(const std::string format, JsonString(object, "format"));
  if (format != kFormat) {
    return absl::InvalidArgumentError(
        fmt::format("format {}, expected \"{}\"", Quoted(format), kFormat));
  }
  ASSIGN_OR_RETURN(const int64_t version, JsonInteger(object, "version"));
  if (version == kVersion) return absl::OkStatus();
  return absl::UnimplementedError(fmt::format(
      "format version {}; this program reads version {}", version, kVersion));
}

template <typename Value>
void Write(const Column<Value>& column, std::span<const StepMetrics> metrics,
           nlohmann::ordered_json& object) {
  auto& values = object[column.name] = nlohmann::ordered_json::array();
  for (const StepMetrics& step : metrics) values.push_back(step.*column.field);
}

// `is` is what json says of a value that the field can hold.
template <typename Value>
absl::Status Read(const json& object, const Column<Value>& column,
                  bool (json::*is)() const noexcept,
                  std::vector<StepMetrics>& metrics) {
  ASSIGN_OR_RETURN(const json* values, JsonArray(object, column.name));
  if (values->size() != metrics.size()) {
    return absl::InvalidArgumentError(
        fmt::format("field \"{}\" has {} values of {} steps", column.name,
                    values->size(), metrics.size()));
  }
  for (size_t i = 0; i < metrics.size(); ++i) {
    const json& value = (*values)[i];
    if (!(value.*is)()) {
      return absl::InvalidArgumentError(fmt::format(
          "value {} of field \"{}\" is no number of it", i, column.name));
    }
    metrics[i].*column.field = value.get<Value>();
  }
  return absl::OkStatus();
}

absl::Status CheckSteps(const std::vector<StepMetrics>& metrics) {
  int64_t before = 0;
  for (const StepMetrics& step : metrics) {
    if (step.step <= before) {
      return absl::InvalidArgumentError(
          fmt::format("step {} after {}", step.step, before));
    }
    before = step.step;
  }
  return absl::OkStatus();
}

}  // namespace

std::string CheckpointMetricsToJson(std::span<const StepMetrics> metrics) {
  nlohmann::ordered_json object = {{"format", kFormat}, {"version", kVersion}};
  Write(kStep, metrics, object);
  for (const auto& column : kReals) Write(column, metrics, object);
  Write(kRevision, metrics, object);
  return object.dump() + "\n";
}

absl::StatusOr<std::vector<StepMetrics>> CheckpointMetricsFromJson(
    std::string_view text) {
  ASSIGN_OR_RETURN(const json object, ParseJson(text));
  RETURN_IF_ERROR(CheckFormat(object));
  ASSIGN_OR_RETURN(const json* steps, JsonArray(object, kStep.name));
  if (steps->size() > kCheckpointMetricsMax) {
    return absl::InvalidArgumentError(fmt::format(
        "{} steps; at most {} are kept", steps->size(), kCheckpointMetricsMax));
  }
  std::vector<StepMetrics> metrics(steps->size());
  RETURN_IF_ERROR(Read(object, kStep, &json::is_number_unsigned, metrics));
  RETURN_IF_ERROR(CheckSteps(metrics));
  for (const auto& column : kReals) {
    RETURN_IF_ERROR(Read(object, column, &json::is_number, metrics));
  }
  RETURN_IF_ERROR(Read(object, kRevision, &json::is_number_unsigned, metrics));
  return metrics;
}

absl::StatusOr<std::vector<StepMetrics>> ReadCheckpointMetrics(
    const std::string& path) {
  const std::string file = path + "/" + kCheckpointMetricsName;
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (absl::IsNotFound(text.status())) return std::vector<StepMetrics>();
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<StepMetrics>> metrics =
      CheckpointMetricsFromJson(*text);
  if (!metrics.ok()) return Annotate(metrics.status(), file);
  return metrics;
}

}  // namespace penstock
