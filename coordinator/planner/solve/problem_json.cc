#include "coordinator/planner/solve/problem_json.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/planner/solve/json_fields.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/json.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr size_t kLayersMax = 512;
constexpr int64_t kDevicesMax = 512;
constexpr size_t kPairsMax = 4096;
constexpr size_t kTimesMax = 64;
constexpr int64_t kMicroBatchMax = 4096;
constexpr int64_t kGlobalBatchMax = 1 << 20;
constexpr int64_t kBytesMax = int64_t{1} << 40;  // Of a layer.
constexpr int64_t kMemoryMax = int64_t{1} << 60;
constexpr double kMicrosecondsMax = 1e9;
constexpr double kMillion = 1e6;

const std::map<std::string, SolveObjective>& Objectives() {
  static const auto& objectives = *new std::map<std::string, SolveObjective>{
      {"makespan", SolveObjective::kMakespan},
      {"bottleneck", SolveObjective::kBottleneck},
      {"one_f_one_b_bound", SolveObjective::kOneFOneBBound},
      {"device_load", SolveObjective::kDeviceLoad}};
  return objectives;
}

const std::map<std::string, SolveRecompute>& Recomputes() {
  static const auto& recomputes = *new std::map<std::string, SolveRecompute>{
      {"never", SolveRecompute::kNever},
      {"auto", SolveRecompute::kAuto},
      {"always", SolveRecompute::kAlways}};
  return recomputes;
}

template <typename Value>
std::vector<std::string> KeysOf(const std::map<std::string, Value>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

absl::StatusOr<int64_t> Nanoseconds(const JsonFields& fields, const char* key,
                                    std::optional<double> absent) {
  ASSIGN_OR_RETURN(
      const double microseconds,
      fields.Number(key, {.max = kMicrosecondsMax, .absent = absent}));
  return std::llround(microseconds * 1000);
}

absl::StatusOr<LayerTimes> ParseTimes(const JsonFields& fields) {
  LayerTimes times;
  ASSIGN_OR_RETURN(times.forward,
                   Nanoseconds(fields, "forward_us", std::nullopt));
  ASSIGN_OR_RETURN(times.input_gradient,
                   Nanoseconds(fields, "input_gradient_us", 0));
  ASSIGN_OR_RETURN(times.weight_gradient,
                   Nanoseconds(fields, "weight_gradient_us", 0));
  return times;
}

// Single values are those of micro-batches of one sample.
absl::Status ParseLayerTimes(const JsonFields& layer, SolveLayer& result) {
  if (!layer.Has("times")) {
    ASSIGN_OR_RETURN(result.times[1], ParseTimes(layer));
    return absl::OkStatus();
  }
  for (const char* key :
       {"forward_us", "input_gradient_us", "weight_gradient_us"}) {
    if (layer.Has(key)) {
      return BadValue(layer.PathOf(key), layer[key],
                      "absent when there is a list of times");
    }
  }
  ASSIGN_OR_RETURN(const std::vector<const json*> entries,
                   layer.Array("times", 1, kTimesMax));
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSIGN_OR_RETURN(const JsonFields fields,
                     JsonFields::Create(
                         *entries[i], layer.PathOf(fmt::format("times[{}]", i)),
                         {"micro_batch_size", "forward_us", "input_gradient_us",
                          "weight_gradient_us"}));
    ASSIGN_OR_RETURN(
        const int64_t size,
        fields.Integer("micro_batch_size", {.min = 1, .max = kMicroBatchMax}));
    ASSIGN_OR_RETURN(const LayerTimes times, ParseTimes(fields));
    if (result.times.emplace(size, times).second) continue;
    return BadValue(fields.PathOf("micro_batch_size"), size,
                    "different from those before");
  }
  return absl::OkStatus();
}

absl::StatusOr<SolveLayer> ParseLayer(const json& value, size_t index) {
  ASSIGN_OR_RETURN(
      const JsonFields fields,
      JsonFields::Create(
          value, fmt::format("layers[{}]", index),
          {"name", "times", "forward_us", "input_gradient_us",
           "weight_gradient_us", "parameter_bytes", "activation_bytes",
           "activation_recomputed_bytes", "boundary_bytes"}));
  SolveLayer layer;
  ASSIGN_OR_RETURN(layer.name, fields.Text("name", fmt::to_string(index)));
  RETURN_IF_ERROR(ParseLayerTimes(fields, layer));
  const IntegerRule bytes = {.max = kBytesMax, .absent = 0};
  ASSIGN_OR_RETURN(layer.parameter_bytes,
                   fields.Integer("parameter_bytes", bytes));
  ASSIGN_OR_RETURN(layer.activation_bytes,
                   fields.Integer("activation_bytes", bytes));
  ASSIGN_OR_RETURN(layer.boundary_bytes,
                   fields.Integer("boundary_bytes", bytes));
  if (fields.Has("activation_recomputed_bytes")) {
    ASSIGN_OR_RETURN(layer.activation_recomputed_bytes,
                     fields.Integer("activation_recomputed_bytes",
                                    {.max = layer.activation_bytes}));
  }
  return layer;
}

absl::Status ParseLayers(const JsonFields& file, SolveProblem& problem) {
  ASSIGN_OR_RETURN(const std::vector<const json*> entries,
                   file.Array("layers", 1, kLayersMax));
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSIGN_OR_RETURN(SolveLayer layer, ParseLayer(*entries[i], i));
    problem.layers.push_back(std::move(layer));
  }
  return absl::OkStatus();
}

absl::Status ParseDevices(const JsonFields& file, SolveProblem& problem) {
  ASSIGN_OR_RETURN(const std::vector<const json*> entries,
                   file.Array("devices", 1, kDevicesMax));
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSIGN_OR_RETURN(
        const JsonFields fields,
        JsonFields::Create(*entries[i], fmt::format("devices[{}]", i),
                           {"name", "memory_bytes", "speed", "count"}));
    SolveDevice device;
    ASSIGN_OR_RETURN(const std::string name, fields.Text("name", ""));
    ASSIGN_OR_RETURN(
        device.memory_bytes,
        fields.Integer("memory_bytes",
                       {.max = kMemoryMax, .absent = device.memory_bytes}));
    ASSIGN_OR_RETURN(
        const double speed,
        fields.Number("speed",
                      {.min = 1 / kMillion, .max = kMillion, .absent = 1}));
    device.speed_millionths = std::llround(speed * kMillion);
    const auto left =
        kDevicesMax - static_cast<int64_t>(problem.devices.size());
    ASSIGN_OR_RETURN(
        const int64_t count,
        fields.Integer("count", {.min = 1, .max = left, .absent = 1}));
    for (int64_t copy = 0; copy < count; ++copy) {
      const std::string base =
          name.empty() ? fmt::to_string(problem.devices.size()) : name;
      device.name =
          name.empty() || count == 1 ? base : fmt::format("{}-{}", name, copy);
      problem.devices.push_back(device);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SolveLink> ParseLink(const JsonFields& fields) {
  SolveLink link;
  ASSIGN_OR_RETURN(link.latency_ns, Nanoseconds(fields, "latency_us", 0));
  if (fields.Has("bytes_per_second")) {
    ASSIGN_OR_RETURN(
        link.bytes_per_second,
        fields.Number("bytes_per_second", {.min = 1, .max = 1e15}));
  }
  return link;
}

absl::Status ParseLinks(const JsonFields& file, SolveProblem& problem) {
  if (!file.Has("links")) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const JsonFields links,
      JsonFields::Create(file["links"], "links",
                         {"latency_us", "bytes_per_second", "between"}));
  ASSIGN_OR_RETURN(problem.link, ParseLink(links));
  ASSIGN_OR_RETURN(const std::vector<const json*> entries,
                   links.Array("between", 0, kPairsMax));
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSIGN_OR_RETURN(
        const JsonFields fields,
        JsonFields::Create(*entries[i], fmt::format("links.between[{}]", i),
                           {"devices", "latency_us", "bytes_per_second"}));
    ASSIGN_OR_RETURN(
        const std::vector<int64_t> pair,
        fields.Integers(
            "devices",
            {.max = static_cast<int64_t>(problem.devices.size()) - 1}));
    if (pair.size() != 2) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {} entries: must be the numbers of two devices",
                      fields.PathOf("devices"), pair.size()));
    }
    SolvePairLink link{.first = static_cast<int>(pair[0]),
                       .second = static_cast<int>(pair[1])};
    ASSIGN_OR_RETURN(link.link, ParseLink(fields));
    problem.pair_links.push_back(link);
  }
  return absl::OkStatus();
}

// Sizes for which every layer has its times.
std::vector<int64_t> SizesOfAllLayers(const SolveProblem& problem) {
  std::vector<int64_t> sizes;
  for (const auto& [size, times] : problem.layers[0].times) {
    const bool all = std::all_of(
        problem.layers.begin(), problem.layers.end(),
        [&](const SolveLayer& layer) { return layer.times.contains(size); });
    if (all) sizes.push_back(size);
  }
  return sizes;
}

absl::Status ParseMicroBatchSizes(const JsonFields& options,
                                  SolveProblem& problem) {
  const std::vector<int64_t> known = SizesOfAllLayers(problem);
  ASSIGN_OR_RETURN(
      problem.micro_batch_sizes,
      options.Integers("micro_batch_sizes", {.min = 1, .max = kMicroBatchMax}));
  if (problem.micro_batch_sizes.empty()) problem.micro_batch_sizes = known;
  for (const int64_t size : problem.micro_batch_sizes) {
    if (std::find(known.begin(), known.end(), size) != known.end()) continue;
    return absl::InvalidArgumentError(fmt::format(
        "options.micro_batch_sizes: {}: must be a size for which every layer "
        "has times: {}",
        size, fmt::join(known, ", ")));
  }
  if (!problem.micro_batch_sizes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "layers[0].times: no micro-batch size has times in every layer: must "
      "have one in common");
}

absl::Status ParseOptions(const json& value, SolveProblem& problem) {
  ASSIGN_OR_RETURN(
      const JsonFields options,
      JsonFields::Create(value, "options",
                         {"pipeline_widths", "data_widths", "stages_per_rank",
                          "schedules", "micro_batch_sizes", "recompute",
                          "gradient_bytes_per_parameter_byte",
                          "optimizer_bytes_per_parameter_byte", "drop_devices",
                          "reorder_devices", "budget"}));
  const IntegerRule width = {.min = 1, .max = kDevicesMax};
  ASSIGN_OR_RETURN(problem.pipeline_widths,
                   options.Integers("pipeline_widths", width));
  ASSIGN_OR_RETURN(problem.data_widths, options.Integers("data_widths", width));
  ASSIGN_OR_RETURN(problem.stages_per_rank,
                   options.Integers("stages_per_rank", width));
  ASSIGN_OR_RETURN(problem.schedules,
                   options.Names("schedules", ScheduleNames()));
  RETURN_IF_ERROR(ParseMicroBatchSizes(options, problem));
  ASSIGN_OR_RETURN(const std::string recompute,
                   options.Name("recompute", KeysOf(Recomputes()), "auto"));
  problem.recompute = Recomputes().at(recompute);
  ASSIGN_OR_RETURN(problem.gradient_bytes_per_parameter_byte,
                   options.Number("gradient_bytes_per_parameter_byte",
                                  {.max = 16, .absent = 1}));
  ASSIGN_OR_RETURN(problem.optimizer_bytes_per_parameter_byte,
                   options.Number("optimizer_bytes_per_parameter_byte",
                                  {.max = 16, .absent = 2}));
  ASSIGN_OR_RETURN(problem.drop_devices, options.Bool("drop_devices", false));
  ASSIGN_OR_RETURN(problem.reorder_devices,
                   options.Bool("reorder_devices", false));
  ASSIGN_OR_RETURN(problem.budget,
                   options.Integer("budget", {.min = 1,
                                              .max = 100 * kSolveBudget,
                                              .absent = kSolveBudget}));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SolveProblem> ParseSolveProblem(std::string_view text) {
  ASSIGN_OR_RETURN(const json value, ParseJson(text));
  ASSIGN_OR_RETURN(const JsonFields file,
                   JsonFields::Create(value, "",
                                      {"objective", "layers", "devices",
                                       "links", "global_batch", "options"}));
  SolveProblem problem;
  ASSIGN_OR_RETURN(const std::string objective,
                   file.Name("objective", KeysOf(Objectives()), "makespan"));
  problem.objective = Objectives().at(objective);
  RETURN_IF_ERROR(ParseLayers(file, problem));
  RETURN_IF_ERROR(ParseDevices(file, problem));
  RETURN_IF_ERROR(ParseLinks(file, problem));
  ASSIGN_OR_RETURN(
      problem.global_batch,
      file.Integer("global_batch",
                   {.min = 1, .max = kGlobalBatchMax, .absent = 1}));
  const json none = json::object();
  RETURN_IF_ERROR(
      ParseOptions(file.Has("options") ? file["options"] : none, problem));
  return problem;
}

}  // namespace penstock
