#include "proto/llama.h"

#include <cmath>
#include <numbers>

#include "fmt/format.h"
#include "proto/base/check.h"

namespace penstock {
namespace {

constexpr char kTokenTable[] = "model.embed_tokens.weight";

bool IsEmbedding(int64_t unit) { return unit == 0; }

bool IsHead(const LlamaConfig& config, int64_t unit) {
  return unit == config.layers + 1;
}

std::vector<Parameter> BlockParameters(const LlamaConfig& config,
                                       int64_t block) {
  const BlockShape shape = ShapeOfBlock(config);
  const int64_t h = config.hidden;
  const auto name = [block](const char* suffix) {
    return fmt::format("model.layers.{}.{}", block, suffix);
  };
  return {
      {name("input_layernorm.weight"), {h}},
      {name("self_attn.q_proj.weight"), {shape.q_width(), h}},
      {name("self_attn.k_proj.weight"), {shape.kv_width(), h}},
      {name("self_attn.v_proj.weight"), {shape.kv_width(), h}},
      {name("self_attn.o_proj.weight"), {h, shape.q_width()}},
      {name("post_attention_layernorm.weight"), {h}},
      {name("mlp.gate_proj.weight"), {shape.mlp, h}},
      {name("mlp.up_proj.weight"), {shape.mlp, h}},
      {name("mlp.down_proj.weight"), {h, shape.mlp}},
  };
}

std::vector<Parameter> HeadParameters(const LlamaConfig& config) {
  return {
      {"model.norm.weight", {config.hidden}},
      {config.tied_embeddings ? kTokenTable : "lm_head.weight",
       {config.vocabulary, config.hidden}},
  };
}

// As transformers' modeling_rope_utils computes "llama3".
double Scaled(const RopeScaling& scaling, double frequency) {
  const double turns = static_cast<double>(scaling.original_sequence_length) *
                       frequency / (2 * std::numbers::pi);
  if (turns < scaling.low_frequency_factor) return frequency / scaling.factor;
  if (turns > scaling.high_frequency_factor) return frequency;
  const double smooth =
      (turns - scaling.low_frequency_factor) /
      (scaling.high_frequency_factor - scaling.low_frequency_factor);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

}  // namespace

int64_t UnitCount(const LlamaConfig& config) { return config.layers + 2; }

std::vector<Parameter> UnitParameters(const LlamaConfig& config, int64_t unit) {
  PENSTOCK_CHECK(unit >= 0 && unit < UnitCount(config));
  if (IsEmbedding(unit)) {
    return {{kTokenTable, {config.vocabulary, config.hidden}}};
  }
  if (IsHead(config, unit)) return HeadParameters(config);
  return BlockParameters(config, unit - 1);
}

BlockShape ShapeOfBlock(const LlamaConfig& config) {
  return {.hidden = config.hidden,
          .heads = config.heads,
          .kv_heads = config.kv_heads,
          .head_dim = config.head_dim,
          .mlp = config.intermediate,
          .gated = true,
          .centered_norm = false,
          .sequence_length = config.sequence_length};
}

HeadShape ShapeOfHead(const LlamaConfig& config) {
  return {.hidden = config.hidden,
          .vocabulary = config.vocabulary,
          .centered_norm = false};
}

UnitCost CostOfUnit(const LlamaConfig& config, int64_t unit,
                    const PassShape& pass) {
  PENSTOCK_CHECK(unit >= 0 && unit < UnitCount(config) && pass.tokens >= 0);
  if (IsEmbedding(unit)) {
    return CostOfEmbedding(config.hidden, pass.tokens, /*tables=*/1);
  }
  if (IsHead(config, unit)) {
    return CostOfHead(ShapeOfHead(config), pass);
  }
  return CostOfBlock(ShapeOfBlock(config), pass);
}

std::vector<double> RopeFrequencies(const LlamaConfig& config) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < config.head_dim; i += 2) {
    const double exponent =
        -static_cast<double>(i) / static_cast<double>(config.head_dim);
    const double frequency = std::pow(config.rope_theta, exponent);
    frequencies.push_back(config.rope_scaling
                              ? Scaled(*config.rope_scaling, frequency)
                              : frequency);
  }
  return frequencies;
}

}  // namespace penstock
