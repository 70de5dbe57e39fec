#include "proto/architecture_proto.h"

namespace penstock {

Gpt2Config Gpt2ConfigFromProto(const v1::Gpt2Spec& message) {
  Gpt2Config config{.layers = message.layers(),
                    .hidden = message.hidden(),
                    .heads = message.heads(),
                    .sequence_length = message.sequence_length(),
                    .vocabulary = message.vocabulary()};
  if (message.has_tied_embeddings()) {
    config.tied_embeddings = message.tied_embeddings();
  }
  return config;
}

v1::Gpt2Spec Gpt2ConfigToProto(const Gpt2Config& config) {
  v1::Gpt2Spec message;
  message.set_layers(config.layers);
  message.set_hidden(config.hidden);
  message.set_heads(config.heads);
  message.set_sequence_length(config.sequence_length);
  message.set_vocabulary(config.vocabulary);
  message.set_tied_embeddings(config.tied_embeddings);
  return message;
}

LlamaConfig LlamaConfigFromProto(const v1::LlamaSpec& message) {
  LlamaConfig config{.layers = message.layers(),
                     .hidden = message.hidden(),
                     .heads = message.heads(),
                     .kv_heads = message.heads(),
                     .intermediate = message.intermediate(),
                     .sequence_length = message.sequence_length(),
                     .vocabulary = message.vocabulary(),
                     .tied_embeddings = message.tied_embeddings()};
  if (message.has_kv_heads()) config.kv_heads = message.kv_heads();
  if (message.has_head_dim()) {
    config.head_dim = message.head_dim();
  } else if (config.heads > 0) {
    config.head_dim = config.hidden / config.heads;
  }
  if (message.has_rope_theta()) config.rope_theta = message.rope_theta();
  if (message.has_rms_norm_epsilon()) {
    config.rms_norm_epsilon = message.rms_norm_epsilon();
  }
  if (message.has_rope_scaling()) {
    const v1::RopeScalingSpec& scaling = message.rope_scaling();
    config.rope_scaling = {
        .factor = scaling.factor(),
        .low_frequency_factor = scaling.low_frequency_factor(),
        .high_frequency_factor = scaling.high_frequency_factor(),
        .original_sequence_length = scaling.original_sequence_length()};
  }
  return config;
}

v1::LlamaSpec LlamaConfigToProto(const LlamaConfig& config) {
  v1::LlamaSpec message;
  message.set_layers(config.layers);
  message.set_hidden(config.hidden);
  message.set_heads(config.heads);
  message.set_kv_heads(config.kv_heads);
  message.set_head_dim(config.head_dim);
  message.set_intermediate(config.intermediate);
  message.set_sequence_length(config.sequence_length);
  message.set_vocabulary(config.vocabulary);
  message.set_rope_theta(config.rope_theta);
  message.set_rms_norm_epsilon(config.rms_norm_epsilon);
  message.set_tied_embeddings(config.tied_embeddings);
  if (config.rope_scaling) {
    v1::RopeScalingSpec& scaling = *message.mutable_rope_scaling();
    scaling.set_factor(config.rope_scaling->factor);
    scaling.set_low_frequency_factor(config.rope_scaling->low_frequency_factor);
    scaling.set_high_frequency_factor(
        config.rope_scaling->high_frequency_factor);
    scaling.set_original_sequence_length(
        config.rope_scaling->original_sequence_length);
  }
  return message;
}

}  // namespace penstock
