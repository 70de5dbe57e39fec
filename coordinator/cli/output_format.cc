#include "coordinator/cli/output_format.h"

#include <map>

#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace penstock {

void AddOutputFlag(CLI::App& command, OutputFormat& format) {
  static const std::map<std::string, OutputFormat> kNames = {
      {"table", OutputFormat::kTable},
      {"json", OutputFormat::kJson},
      {"jsonl", OutputFormat::kJsonl}};
  command.add_option("-o,--output", format, "Form of the output")
      ->transform(CLI::CheckedTransformer(kNames))
      ->option_text("table|json|jsonl");
}

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message,
                                   OutputFormat format) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = format == OutputFormat::kJson;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return absl::InternalError(fmt::format(
        "cannot print the answer as JSON: {}", status.message().ToString()));
  }
  while (json.ends_with('\n')) json.pop_back();
  return json;
}

std::string ToJson(const v1::StepMetrics& metrics) {
  const nlohmann::ordered_json json = {
      {"step", metrics.step()},
      {"loss", metrics.loss()},
      {"grad_norm", metrics.grad_norm()},
      {"tokens_per_second", metrics.tokens_per_second()},
      {"bubble_fraction_measured", metrics.bubble_fraction_measured()},
      {"bubble_fraction_predicted", metrics.bubble_fraction_predicted()},
      {"step_seconds", metrics.step_seconds()},
      {"step_seconds_predicted", metrics.step_seconds_predicted()},
      {"prediction_error", metrics.prediction_error()},
      {"plan_revision", metrics.plan_revision()}};
  return json.dump();
}

}  // namespace penstock
