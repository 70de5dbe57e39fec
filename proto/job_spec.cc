#include "proto/job_spec.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <variant>
#include <vector>

#include "fmt/format.h"
#include "proto/base/nearest_name.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

constexpr int64_t kStepsMax = 1'000'000'000'000;
constexpr int64_t kMicroBatchesMax = 65536;
// Keeps every byte count of a micro-batch far from overflow.
constexpr int64_t kMicroBatchTokensMax = 1 << 24;
constexpr int64_t kTimeMaxUs = 3'600'000'000;
constexpr size_t kPathSizeMax = 4096;

absl::Status Refusal(std::string_view field, std::string_view value,
                     std::string_view accepted) {
  return absl::InvalidArgumentError(
      fmt::format("{}: {}: {}", field, value, accepted));
}

absl::Status CheckRange(std::string_view field, int64_t value, int64_t least,
                        int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Refusal(field, fmt::to_string(value),
                 fmt::format("must be {} to {}", least, most));
}

// Accepts finite values for which `accepted` is true; `range` says which.
absl::Status CheckReal(std::string_view field, double value, bool accepted,
                       std::string_view range) {
  if (std::isfinite(value) && accepted) return absl::OkStatus();
  return Refusal(field, fmt::to_string(value), range);
}

// One of `names`, which the message lists.
absl::Status CheckName(std::string_view field, const std::string& name,
                       const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return absl::OkStatus();
  }
  const std::string nearest = NearestName(name, names);
  return Refusal(
      field, fmt::format("\"{}\"", name),
      fmt::format(
          "must be one of {}{}", fmt::join(names, ", "),
          nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
}

absl::Status CheckPath(std::string_view field, const std::string& path) {
  if (path.size() <= kPathSizeMax && path.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return Refusal(field, fmt::format("{} bytes", path.size()),
                 fmt::format("must be a path of at most {} bytes without NUL",
                             kPathSizeMax));
}

bool IsLowerAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

absl::Status CheckJobName(const std::string& name) {
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return IsLowerAlphanumeric(c) || c == '-' || c == '_';
  });
  if (!name.empty() && name.size() <= 63 && letters &&
      IsLowerAlphanumeric(name[0])) {
    return absl::OkStatus();
  }
  return Refusal("name", fmt::format("\"{}\"", name.substr(0, 80)),
                 "must be 1 to 63 of a-z, 0-9, '-' and '_', beginning with a "
                 "letter or digit");
}

// The divisor of `hidden` that is nearest to `heads`.
int64_t NearestDivisor(int64_t hidden, int64_t heads) {
  for (int64_t distance = 1;; ++distance) {
    for (const int64_t near : {heads - distance, heads + distance}) {
      if (near >= 1 && hidden % near == 0) return near;
    }
  }
}

absl::Status CheckGpt2(const Gpt2Config& config) {
  RETURN_IF_ERROR(CheckRange("model.gpt2.layers", config.layers, 1, 4096));
  RETURN_IF_ERROR(CheckRange("model.gpt2.hidden", config.hidden, 1, 65536));
  RETURN_IF_ERROR(CheckRange("model.gpt2.heads", config.heads, 1, 1024));
  if (config.hidden % config.heads != 0) {
    return Refusal(
        "model.gpt2.heads", fmt::to_string(config.heads),
        fmt::format("must divide model.gpt2.hidden, which is {}; {} would do",
                    config.hidden,
                    NearestDivisor(config.hidden, config.heads)));
  }
  RETURN_IF_ERROR(CheckRange("model.gpt2.sequence_length",
                             config.sequence_length, 1, 1 << 20));
  return CheckRange("model.gpt2.vocabulary", config.vocabulary, 2, 1 << 20);
}

absl::Status CheckLlamaHeads(const LlamaConfig& config) {
  RETURN_IF_ERROR(CheckRange("model.llama.heads", config.heads, 1, 1024));
  RETURN_IF_ERROR(CheckRange("model.llama.kv_heads", config.kv_heads, 1, 1024));
  if (config.heads % config.kv_heads != 0) {
    return Refusal(
        "model.llama.kv_heads", fmt::to_string(config.kv_heads),
        fmt::format("must divide model.llama.heads, which is {}; {} would do",
                    config.heads,
                    NearestDivisor(config.heads, config.kv_heads)));
  }
  RETURN_IF_ERROR(CheckRange("model.llama.head_dim", config.head_dim, 2, 1024));
  if (config.head_dim % 2 == 0) return absl::OkStatus();
  return Refusal("model.llama.head_dim", fmt::to_string(config.head_dim),
                 fmt::format("must be even, its columns turn in pairs; {} "
                             "would do",
                             config.head_dim + 1));
}

absl::Status CheckRopeScaling(const RopeScaling& scaling) {
  constexpr std::string_view kField = "model.llama.rope_scaling.";
  const auto check = [&](std::string_view name, double value, bool accepted,
                         std::string_view range) {
    return CheckReal(fmt::format("{}{}", kField, name), value, accepted, range);
  };
  RETURN_IF_ERROR(check("factor", scaling.factor, scaling.factor >= 1,
                        "must be finite and at least 1"));
  RETURN_IF_ERROR(check("low_frequency_factor", scaling.low_frequency_factor,
                        scaling.low_frequency_factor > 0,
                        "must be finite and above 0"));
  RETURN_IF_ERROR(
      check("high_frequency_factor", scaling.high_frequency_factor,
            scaling.high_frequency_factor > scaling.low_frequency_factor,
            "must be finite and above low_frequency_factor"));
  return CheckRange(fmt::format("{}original_sequence_length", kField),
                    scaling.original_sequence_length, 1, 1 << 20);
}

absl::Status CheckLlama(const LlamaConfig& config) {
  RETURN_IF_ERROR(CheckRange("model.llama.layers", config.layers, 1, 4096));
  RETURN_IF_ERROR(CheckRange("model.llama.hidden", config.hidden, 1, 65536));
  RETURN_IF_ERROR(CheckLlamaHeads(config));
  RETURN_IF_ERROR(
      CheckRange("model.llama.intermediate", config.intermediate, 1, 1 << 20));
  RETURN_IF_ERROR(CheckRange("model.llama.sequence_length",
                             config.sequence_length, 1, 1 << 20));
  RETURN_IF_ERROR(
      CheckRange("model.llama.vocabulary", config.vocabulary, 2, 1 << 20));
  RETURN_IF_ERROR(CheckReal("model.llama.rope_theta", config.rope_theta,
                            config.rope_theta >= 1,
                            "must be finite and at least 1"));
  RETURN_IF_ERROR(
      CheckReal("model.llama.rms_norm_epsilon", config.rms_norm_epsilon,
                config.rms_norm_epsilon > 0 && config.rms_norm_epsilon < 1,
                "must be in (0, 1)"));
  if (!config.rope_scaling) return absl::OkStatus();
  return CheckRopeScaling(*config.rope_scaling);
}

absl::Status CheckSim(const SimModel& sim) {
  RETURN_IF_ERROR(CheckRange("model.sim.layers", sim.layers, 1, 4096));
  RETURN_IF_ERROR(
      CheckRange("model.sim.forward_us", sim.forward_us, 0, kTimeMaxUs));
  RETURN_IF_ERROR(CheckRange("model.sim.input_gradient_us",
                             sim.input_gradient_us, 0, kTimeMaxUs));
  RETURN_IF_ERROR(CheckRange("model.sim.weight_gradient_us",
                             sim.weight_gradient_us, 0, kTimeMaxUs));
  RETURN_IF_ERROR(CheckRange("model.sim.hop_us", sim.hop_us, 0, 10'000'000));
  RETURN_IF_ERROR(CheckRange("model.sim.hop_bytes_per_second",
                             sim.hop_bytes_per_second, 0, 1'000'000'000'000));
  return CheckRange("model.sim.boundary_bytes", sim.boundary_bytes, 1, 1 << 30);
}

absl::Status CheckModel(const ModelSpec& model) {
  RETURN_IF_ERROR(CheckPath("model.init_from", model.init_from));
  if (!HasArchitecture(model)) return absl::OkStatus();
  if (const auto* sim = std::get_if<SimModel>(&model.architecture)) {
    if (!model.init_from.empty()) {
      return Refusal("model.init_from", model.init_from,
                     "a sim model has no weights to start from");
    }
    return CheckSim(*sim);
  }
  const auto& trained = std::get<Architecture>(model.architecture);
  if (const auto* llama = std::get_if<LlamaConfig>(&trained)) {
    return CheckLlama(*llama);
  }
  return CheckGpt2(std::get<Gpt2Config>(trained));
}

absl::Status CheckData(const JobSpec& spec) {
  const bool sim = std::holds_alternative<SimModel>(spec.model.architecture);
  if (spec.data.tokens.empty() && !sim) {
    return Refusal("data.tokens", "\"\"", "must be the path of a token file");
  }
  RETURN_IF_ERROR(CheckPath("data.tokens", spec.data.tokens));
  return CheckName("data.dtype", spec.data.dtype, {"auto", "uint16", "uint32"});
}

absl::Status CheckOptimizer(const AdamWSpec& adamw) {
  const auto check = [](std::string_view field, double value, bool accepted,
                        std::string_view range) {
    return CheckReal(fmt::format("optimizer.adamw.{}", field), value, accepted,
                     range);
  };
  constexpr std::string_view kPositive = "must be finite and above 0";
  constexpr std::string_view kNotNegative = "must be finite and not below 0";
  constexpr std::string_view kBeta = "must be in [0, 1)";
  const auto is_beta = [](double beta) { return beta >= 0 && beta < 1; };
  RETURN_IF_ERROR(check("learning_rate", adamw.learning_rate,
                        adamw.learning_rate > 0, kPositive));
  RETURN_IF_ERROR(check("beta1", adamw.beta1, is_beta(adamw.beta1), kBeta));
  RETURN_IF_ERROR(check("beta2", adamw.beta2, is_beta(adamw.beta2), kBeta));
  RETURN_IF_ERROR(
      check("epsilon", adamw.epsilon, adamw.epsilon > 0, kPositive));
  RETURN_IF_ERROR(check("weight_decay", adamw.weight_decay,
                        adamw.weight_decay >= 0, kNotNegative));
  RETURN_IF_ERROR(
      check("clip_norm", adamw.clip_norm, adamw.clip_norm >= 0, kNotNegative));
  RETURN_IF_ERROR(CheckRange("optimizer.adamw.warmup_steps", adamw.warmup_steps,
                             0, kStepsMax));
  return check("final_learning_rate", adamw.final_learning_rate,
               adamw.final_learning_rate >= 0, kNotNegative);
}

absl::Status CheckBatch(const JobSpec& spec) {
  const BatchSpec& batch = spec.batch;
  RETURN_IF_ERROR(
      CheckRange("batch.micro_batch_size", batch.micro_batch_size, 1, 65536));
  if (HasArchitecture(spec.model) &&
      TokensPerMicroBatch(spec) > kMicroBatchTokensMax) {
    const int64_t samples_max = kMicroBatchTokensMax * batch.micro_batch_size /
                                TokensPerMicroBatch(spec);
    return Refusal("batch.micro_batch_size",
                   fmt::to_string(batch.micro_batch_size),
                   fmt::format("must be 1 to {}: a micro-batch has at most {} "
                               "tokens",
                               samples_max, kMicroBatchTokensMax));
  }
  return CheckRange("batch.micro_batches", batch.micro_batches, 1,
                    kMicroBatchesMax);
}

absl::Status CheckScheduleOptions(const ParallelismSpec& parallelism) {
  struct Option {
    std::string_view name;
    int64_t value;
    int64_t most;
  };
  for (const auto& [name, value, most] :
       {Option{"stages_per_rank", parallelism.stages_per_rank, 4096},
        Option{"group_size", parallelism.group_size, kMicroBatchesMax},
        Option{"slack", parallelism.slack, 4096},
        Option{"sequence_pieces", parallelism.sequence_pieces, 127},
        Option{"activations_max", parallelism.activations_max, 1 << 30},
        Option{"update_every", parallelism.update_every, kMicroBatchesMax}}) {
    RETURN_IF_ERROR(
        CheckRange(fmt::format("parallelism.{}", name), value, 0, most));
  }
  return absl::OkStatus();
}

absl::Status CheckParallelism(const JobSpec& spec) {
  const ParallelismSpec& parallelism = spec.parallelism;
  RETURN_IF_ERROR(
      CheckRange("parallelism.pipeline", parallelism.pipeline, 1, 4096));
  if (HasArchitecture(spec.model) &&
      parallelism.pipeline > UnitCount(spec.model)) {
    return Refusal(
        "parallelism.pipeline", fmt::to_string(parallelism.pipeline),
        fmt::format("must be 1 to {}, the units that the model can be cut into",
                    UnitCount(spec.model)));
  }
  RETURN_IF_ERROR(CheckRange("parallelism.data", parallelism.data, 1, 4096));
  std::vector<std::string> names = ScheduleNames();
  names.emplace_back(kAutoSchedule);
  RETURN_IF_ERROR(
      CheckName("parallelism.schedule", parallelism.schedule, names));
  return CheckScheduleOptions(parallelism);
}

// What needs all stages or all replicas once per update has no place where each
// stage updates by itself.
absl::Status CheckWeightVersions(const JobSpec& spec) {
  const ParallelismSpec& parallelism = spec.parallelism;
  const std::string& schedule = parallelism.schedule;
  if (!HasWeightVersions(schedule)) return absl::OkStatus();
  if (spec.optimizer.clip_norm > 0) {
    return Refusal(
        "optimizer.adamw.clip_norm", fmt::to_string(spec.optimizer.clip_norm),
        fmt::format("must be 0 with schedule {}, whose stages update "
                    "without waiting for a global norm",
                    schedule));
  }
  if (parallelism.data > 1) {
    return Refusal("parallelism.data", fmt::to_string(parallelism.data),
                   fmt::format("must be 1 with schedule {}, whose updates are "
                               "not summed over replicas",
                               schedule));
  }
  if (parallelism.optimistic_update) {
    return Refusal("parallelism.optimizer_step", "optimistic",
                   fmt::format("must be synchronized with schedule {}, whose "
                               "updates never wait",
                               schedule));
  }
  const auto* model = std::get_if<Architecture>(&spec.model.architecture);
  if (model != nullptr && HasTiedEmbeddings(*model) &&
      parallelism.pipeline > 1 && HasArchitecture(spec.model)) {
    return Refusal(
        fmt::format("model.{}.tied_embeddings", NameOf(*model)), "true",
        fmt::format("must be false with schedule {} on more than one "
                    "rank, whose updates are not summed over ranks",
                    schedule));
  }
  return absl::OkStatus();
}

absl::Status CheckCheckpoint(const CheckpointSpec& checkpoint) {
  RETURN_IF_ERROR(CheckRange("checkpoint.every_steps", checkpoint.every_steps,
                             0, kStepsMax));
  RETURN_IF_ERROR(CheckRange("checkpoint.keep", checkpoint.keep, 1, 1'000'000));
  return CheckPath("checkpoint.resume_from", checkpoint.resume_from);
}

absl::Status CheckPrecision(const JobSpec& spec) {
  if (spec.precision == Precision::kFp32 ||
      !std::holds_alternative<SimModel>(spec.model.architecture)) {
    return absl::OkStatus();
  }
  return Refusal("precision", NameOf(spec.precision),
                 "must be fp32 with a sim model, which computes nothing; its "
                 "model.sim.boundary_bytes says what is sent");
}

}  // namespace

std::string_view ToString(DeviceChoice device) {
  switch (device) {
    case DeviceChoice::kAuto:
      return "auto";
    case DeviceChoice::kCpu:
      return "cpu";
    case DeviceChoice::kCuda:
      return "cuda";
  }
  return "";
}

bool HasArchitecture(const ModelSpec& model) {
  return model.init_from.empty() ||
         model.architecture != ModelSpec().architecture;
}

int64_t UnitCount(const ModelSpec& model) {
  if (const auto* sim = std::get_if<SimModel>(&model.architecture)) {
    return sim->layers;
  }
  return UnitCount(std::get<Architecture>(model.architecture));
}

int64_t TokensPerMicroBatch(const JobSpec& spec) {
  const auto* model = std::get_if<Architecture>(&spec.model.architecture);
  const int64_t sequence = model == nullptr ? 1 : SequenceLengthOf(*model);
  return sequence * spec.batch.micro_batch_size;
}

PassShape PassShapeOf(const JobSpec& spec, int pieces) {
  return {.tokens = TokensPerMicroBatch(spec) / pieces,
          .pieces = pieces,
          .precision = spec.precision,
          .on_gpu = spec.device == DeviceChoice::kCuda};
}

absl::Status Validate(const JobSpec& spec) {
  RETURN_IF_ERROR(CheckJobName(spec.name));
  RETURN_IF_ERROR(CheckModel(spec.model));
  RETURN_IF_ERROR(CheckData(spec));
  RETURN_IF_ERROR(CheckOptimizer(spec.optimizer));
  RETURN_IF_ERROR(CheckBatch(spec));
  RETURN_IF_ERROR(CheckParallelism(spec));
  RETURN_IF_ERROR(CheckWeightVersions(spec));
  RETURN_IF_ERROR(CheckRange("steps", spec.steps, 1, kStepsMax));
  RETURN_IF_ERROR(CheckCheckpoint(spec.checkpoint));
  return CheckPrecision(spec);
}

}  // namespace penstock
