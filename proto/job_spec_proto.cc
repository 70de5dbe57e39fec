#include "proto/job_spec_proto.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "fmt/format.h"
#include "proto/architecture_proto.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status Missing(std::string_view field, std::string_view accepted) {
  return absl::InvalidArgumentError(
      fmt::format("{}: not set: {}", field, accepted));
}

// Assigns a proto3 optional to the field of the same name when it is set.
#define PENSTOCK_TAKE(target, message, field) \
  if ((message).has_##field()) (target).field = (message).field()

SimModel SimModelFromProto(const v1::SimSpec& message) {
  SimModel sim{.layers = message.layers(),
               .forward_us = message.forward_us(),
               .input_gradient_us = message.input_gradient_us(),
               .weight_gradient_us = message.weight_gradient_us()};
  PENSTOCK_TAKE(sim, message, boundary_bytes);
  PENSTOCK_TAKE(sim, message, hop_us);
  PENSTOCK_TAKE(sim, message, hop_bytes_per_second);
  return sim;
}

absl::StatusOr<ModelSpec> ModelFromProto(const v1::ModelSpec& message) {
  if (message.has_sequence_length() &&
      (!message.has_init_from() || message.sequence_length() < 1)) {
    return absl::InvalidArgumentError(fmt::format(
        "model.sequence_length: {}: must be at least 1, and only with "
        "model.init_from; other models have one of their own",
        message.sequence_length()));
  }
  switch (message.source_case()) {
    case v1::ModelSpec::kGpt2:
      return ModelSpec{.architecture = Gpt2ConfigFromProto(message.gpt2())};
    case v1::ModelSpec::kLlama:
      return ModelSpec{.architecture = LlamaConfigFromProto(message.llama())};
    case v1::ModelSpec::kSim:
      return ModelSpec{.architecture = SimModelFromProto(message.sim())};
    case v1::ModelSpec::kInitFrom:
      if (message.init_from().empty()) break;
      return ModelSpec{.init_from = message.init_from(),
                       .sequence_length = message.sequence_length()};
    case v1::ModelSpec::SOURCE_NOT_SET:
      break;
  }
  return Missing("model", "must have gpt2, llama, init_from or sim");
}

v1::ModelSpec ModelToProto(const ModelSpec& model) {
  v1::ModelSpec message;
  if (!model.init_from.empty()) {
    message.set_init_from(model.init_from);
    if (model.sequence_length > 0) {
      message.set_sequence_length(model.sequence_length);
    }
  } else if (const auto* sim = std::get_if<SimModel>(&model.architecture)) {
    message.mutable_sim()->set_layers(sim->layers);
    message.mutable_sim()->set_forward_us(sim->forward_us);
    message.mutable_sim()->set_input_gradient_us(sim->input_gradient_us);
    message.mutable_sim()->set_weight_gradient_us(sim->weight_gradient_us);
    message.mutable_sim()->set_boundary_bytes(sim->boundary_bytes);
    message.mutable_sim()->set_hop_us(sim->hop_us);
    if (sim->hop_bytes_per_second > 0) {
      message.mutable_sim()->set_hop_bytes_per_second(
          sim->hop_bytes_per_second);
    }
  } else {
    const auto& trained = std::get<Architecture>(model.architecture);
    if (const auto* llama = std::get_if<LlamaConfig>(&trained)) {
      *message.mutable_llama() = LlamaConfigToProto(*llama);
    } else {
      *message.mutable_gpt2() =
          Gpt2ConfigToProto(std::get<Gpt2Config>(trained));
    }
  }
  return message;
}

// Which of two names `text` is; true for `second`.
absl::StatusOr<bool> IsSecond(std::string_view field, std::string_view text,
                              std::string_view first, std::string_view second) {
  if (text == first) return false;
  if (text == second) return true;
  return absl::InvalidArgumentError(
      fmt::format("{}: \"{}\": must be {} or {}", field, text, first, second));
}

absl::StatusOr<DataSpec> DataFromProto(const v1::DataSpec& message) {
  DataSpec data{.tokens = message.tokens()};
  PENSTOCK_TAKE(data, message, dtype);
  if (message.has_order()) {
    ASSIGN_OR_RETURN(
        const bool shuffled,
        IsSecond("data.order", message.order(), "sequential", "shuffled"));
    if (shuffled) data.order = SampleOrder::kShuffled;
  }
  return data;
}

v1::DataSpec DataToProto(const DataSpec& data) {
  v1::DataSpec message;
  message.set_tokens(data.tokens);
  message.set_dtype(data.dtype);
  message.set_order(data.order == SampleOrder::kShuffled ? "shuffled"
                                                         : "sequential");
  return message;
}

absl::StatusOr<AdamWSpec> AdamWFromProto(const v1::AdamWSpec& message) {
  AdamWSpec adamw;
  PENSTOCK_TAKE(adamw, message, learning_rate);
  PENSTOCK_TAKE(adamw, message, beta1);
  PENSTOCK_TAKE(adamw, message, beta2);
  PENSTOCK_TAKE(adamw, message, epsilon);
  PENSTOCK_TAKE(adamw, message, weight_decay);
  PENSTOCK_TAKE(adamw, message, clip_norm);
  PENSTOCK_TAKE(adamw, message, warmup_steps);
  PENSTOCK_TAKE(adamw, message, final_learning_rate);
  if (message.has_decay()) {
    ASSIGN_OR_RETURN(adamw.cosine_decay,
                     IsSecond("optimizer.adamw.decay", message.decay(),
                              "constant", "cosine"));
  }
  return adamw;
}

v1::AdamWSpec AdamWToProto(const AdamWSpec& adamw) {
  v1::AdamWSpec message;
  message.set_learning_rate(adamw.learning_rate);
  message.set_beta1(adamw.beta1);
  message.set_beta2(adamw.beta2);
  message.set_epsilon(adamw.epsilon);
  message.set_weight_decay(adamw.weight_decay);
  message.set_clip_norm(adamw.clip_norm);
  message.set_warmup_steps(adamw.warmup_steps);
  message.set_decay(adamw.cosine_decay ? "cosine" : "constant");
  message.set_final_learning_rate(adamw.final_learning_rate);
  return message;
}

constexpr std::array<std::string_view, 4> kRecomputeNames = {
    "never", "always", "except_last", "by_memory"};

constexpr std::array<std::string_view, 3> kLinkNames = {"auto", "grpc", "nccl"};

const std::array<std::string_view, 3> kDeviceNames = {
    ToString(DeviceChoice::kAuto), ToString(DeviceChoice::kCpu),
    ToString(DeviceChoice::kCuda)};

// The index of `text` in `names`.
template <size_t N>
absl::StatusOr<size_t> IndexOf(std::string_view field, std::string_view text,
                               const std::array<std::string_view, N>& names) {
  const auto name = std::find(names.begin(), names.end(), text);
  if (name != names.end()) return name - names.begin();
  return absl::InvalidArgumentError(fmt::format(
      "{}: \"{}\": must be one of {}", field, text, fmt::join(names, ", ")));
}

absl::StatusOr<ParallelismSpec> ParallelismFromProto(
    const v1::ParallelismSpec& message) {
  ParallelismSpec parallelism;
  PENSTOCK_TAKE(parallelism, message, pipeline);
  PENSTOCK_TAKE(parallelism, message, data);
  PENSTOCK_TAKE(parallelism, message, schedule);
  PENSTOCK_TAKE(parallelism, message, stages_per_rank);
  PENSTOCK_TAKE(parallelism, message, group_size);
  PENSTOCK_TAKE(parallelism, message, slack);
  PENSTOCK_TAKE(parallelism, message, sequence_pieces);
  PENSTOCK_TAKE(parallelism, message, activations_max);
  PENSTOCK_TAKE(parallelism, message, update_every);
  PENSTOCK_TAKE(parallelism, message, vertical_sync);
  if (message.has_recompute()) {
    ASSIGN_OR_RETURN(
        const size_t index,
        IndexOf("parallelism.recompute", message.recompute(), kRecomputeNames));
    parallelism.recompute = static_cast<Recompute>(index);
  }
  if (message.has_link()) {
    ASSIGN_OR_RETURN(const size_t index,
                     IndexOf("parallelism.link", message.link(), kLinkNames));
    parallelism.link = static_cast<LinkChoice>(index);
  }
  if (message.has_optimizer_step()) {
    ASSIGN_OR_RETURN(
        parallelism.optimistic_update,
        IsSecond("parallelism.optimizer_step", message.optimizer_step(),
                 "synchronized", "optimistic"));
  }
  return parallelism;
}

v1::ParallelismSpec ParallelismToProto(const ParallelismSpec& parallelism) {
  v1::ParallelismSpec message;
  message.set_pipeline(parallelism.pipeline);
  message.set_data(parallelism.data);
  message.set_schedule(parallelism.schedule);
  message.set_stages_per_rank(parallelism.stages_per_rank);
  message.set_group_size(parallelism.group_size);
  message.set_slack(parallelism.slack);
  message.set_sequence_pieces(parallelism.sequence_pieces);
  message.set_activations_max(parallelism.activations_max);
  message.set_update_every(parallelism.update_every);
  message.set_vertical_sync(parallelism.vertical_sync);
  message.set_recompute(
      std::string(kRecomputeNames[static_cast<size_t>(parallelism.recompute)]));
  message.set_optimizer_step(parallelism.optimistic_update ? "optimistic"
                                                           : "synchronized");
  message.set_link(
      std::string(kLinkNames[static_cast<size_t>(parallelism.link)]));
  return message;
}

}  // namespace

absl::StatusOr<JobSpec> JobSpecFromProto(const v1::JobSpec& message) {
  JobSpec spec{.name = message.name(), .steps = message.steps()};
  ASSIGN_OR_RETURN(spec.model, ModelFromProto(message.model()));
  ASSIGN_OR_RETURN(spec.data, DataFromProto(message.data()));
  ASSIGN_OR_RETURN(spec.optimizer, AdamWFromProto(message.optimizer().adamw()));
  PENSTOCK_TAKE(spec.batch, message.batch(), micro_batch_size);
  PENSTOCK_TAKE(spec.batch, message.batch(), micro_batches);
  ASSIGN_OR_RETURN(spec.parallelism,
                   ParallelismFromProto(message.parallelism()));
  PENSTOCK_TAKE(spec, message, seed);
  if (message.has_precision()) {
    ASSIGN_OR_RETURN(
        const bool narrow,
        IsSecond("precision", message.precision(), "fp32", "bf16"));
    if (narrow) spec.precision = Precision::kBf16;
  }
  PENSTOCK_TAKE(spec.checkpoint, message.checkpoint(), every_steps);
  PENSTOCK_TAKE(spec.checkpoint, message.checkpoint(), keep);
  PENSTOCK_TAKE(spec.checkpoint, message.checkpoint(), resume_from);
  if (message.has_device()) {
    ASSIGN_OR_RETURN(const size_t index,
                     IndexOf("device", message.device(), kDeviceNames));
    spec.device = static_cast<DeviceChoice>(index);
  }
  if (message.has_attention()) {
    ASSIGN_OR_RETURN(
        spec.fast_attention,
        IsSecond("attention", message.attention(), "deterministic", "fast"));
  }
  RETURN_IF_ERROR(Validate(spec));
  return spec;
}

#undef PENSTOCK_TAKE

v1::JobSpec JobSpecToProto(const JobSpec& spec) {
  v1::JobSpec message;
  message.set_name(spec.name);
  *message.mutable_model() = ModelToProto(spec.model);
  *message.mutable_data() = DataToProto(spec.data);
  *message.mutable_optimizer()->mutable_adamw() = AdamWToProto(spec.optimizer);
  message.mutable_batch()->set_micro_batch_size(spec.batch.micro_batch_size);
  message.mutable_batch()->set_micro_batches(spec.batch.micro_batches);
  *message.mutable_parallelism() = ParallelismToProto(spec.parallelism);
  message.set_steps(spec.steps);
  message.set_seed(spec.seed);
  message.set_precision(std::string(NameOf(spec.precision)));
  v1::CheckpointSpec& checkpoint = *message.mutable_checkpoint();
  checkpoint.set_every_steps(spec.checkpoint.every_steps);
  checkpoint.set_keep(spec.checkpoint.keep);
  checkpoint.set_resume_from(spec.checkpoint.resume_from);
  message.set_device(std::string(ToString(spec.device)));
  message.set_attention(spec.fast_attention ? "fast" : "deterministic");
  return message;
}

}  // namespace penstock
