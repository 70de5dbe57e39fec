#include "proto/gpt2.h"

#include "fmt/format.h"
#include "proto/base/check.h"

namespace penstock {
namespace {

constexpr char kTokenTable[] = "transformer.wte.weight";

bool IsEmbedding(int64_t unit) { return unit == 0; }

bool IsHead(const Gpt2Config& config, int64_t unit) {
  return unit == config.layers + 1;
}

std::vector<Parameter> EmbeddingParameters(const Gpt2Config& config) {
  return {
      {kTokenTable, {config.vocabulary, config.hidden}},
      {"transformer.wpe.weight", {config.sequence_length, config.hidden}},
  };
}

std::vector<Parameter> BlockParameters(const Gpt2Config& config,
                                       int64_t block) {
  const int64_t h = config.hidden;
  const auto name = [block](const char* suffix) {
    return fmt::format("transformer.h.{}.{}", block, suffix);
  };
  return {
      {name("ln_1.weight"), {h}},
      {name("ln_1.bias"), {h}},
      {name("attn.c_attn.weight"), {h, 3 * h}},
      {name("attn.c_attn.bias"), {3 * h}},
      {name("attn.c_proj.weight"), {h, h}},
      {name("attn.c_proj.bias"), {h}},
      {name("ln_2.weight"), {h}},
      {name("ln_2.bias"), {h}},
      {name("mlp.c_fc.weight"), {h, 4 * h}},
      {name("mlp.c_fc.bias"), {4 * h}},
      {name("mlp.c_proj.weight"), {4 * h, h}},
      {name("mlp.c_proj.bias"), {h}},
  };
}

std::vector<Parameter> HeadParameters(const Gpt2Config& config) {
  return {
      {"transformer.ln_f.weight", {config.hidden}},
      {"transformer.ln_f.bias", {config.hidden}},
      {config.tied_embeddings ? kTokenTable : "lm_head.weight",
       {config.vocabulary, config.hidden}},
  };
}

}  // namespace

int64_t UnitCount(const Gpt2Config& config) { return config.layers + 2; }

std::vector<Parameter> UnitParameters(const Gpt2Config& config, int64_t unit) {
  PENSTOCK_CHECK(unit >= 0 && unit < UnitCount(config));
  if (IsEmbedding(unit)) return EmbeddingParameters(config);
  if (IsHead(config, unit)) return HeadParameters(config);
  return BlockParameters(config, unit - 1);
}

BlockShape ShapeOfBlock(const Gpt2Config& config) {
  return {.hidden = config.hidden,
          .heads = config.heads,
          .kv_heads = config.heads,
          .head_dim = config.hidden / config.heads,
          .mlp = 4 * config.hidden,
          .gated = false,
          .centered_norm = true,
          .sequence_length = config.sequence_length};
}

HeadShape ShapeOfHead(const Gpt2Config& config) {
  return {.hidden = config.hidden,
          .vocabulary = config.vocabulary,
          .centered_norm = true};
}

UnitCost CostOfUnit(const Gpt2Config& config, int64_t unit,
                    const PassShape& pass) {
  PENSTOCK_CHECK(unit >= 0 && unit < UnitCount(config) && pass.tokens >= 0);
  if (IsEmbedding(unit)) {
    return CostOfEmbedding(config.hidden, pass.tokens, /*tables=*/2);
  }
  if (IsHead(config, unit)) {
    return CostOfHead(ShapeOfHead(config), pass);
  }
  return CostOfBlock(ShapeOfBlock(config), pass);
}

}  // namespace penstock
