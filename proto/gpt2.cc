#include "proto/gpt2.h"

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/gpt2_layout.h"

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

// A row of an embedding is copied and added to, forward and backward.
UnitCost CostOfEmbedding(const Gpt2Config& config, double n) {
  const double h = static_cast<double>(config.hidden);
  return {.forward_flops = n * h, .weight_gradient_flops = 2 * n * h};
}

// A product of [n, k] and [k, m] is 2nkm. The causal attention's two products
// (q k', then with v) have half of their elements; its backward pass computes
// the scores anew and four gradients' products.
UnitCost CostOfBlock(const Gpt2Config& config, int64_t tokens, int pieces) {
  const double n = static_cast<double>(tokens);
  const double h = static_cast<double>(config.hidden);
  const double linear = 24 * n * h * h;
  const double attention =
      2 * n * h * static_cast<double>(config.sequence_length);
  const BlockLayout layout = LayoutOfBlock(config, tokens, pieces);
  return {.forward_flops = linear + attention,
          .input_gradient_flops = linear + 2.5 * attention,
          .weight_gradient_flops = linear,
          .saved_bytes = layout.saved_bytes,
          .deferred_bytes = layout.deferred_bytes,
          .scratch_bytes = layout.scratch_bytes};
}

// The forward pass has the logits' product and that for its own gradient, the
// weight-gradient pass computes the logits again. What is left for the input
// gradient is the norm's: about 8 operations an element.
UnitCost CostOfHead(const Gpt2Config& config, int64_t tokens) {
  const double n = static_cast<double>(tokens);
  const double h = static_cast<double>(config.hidden);
  const double logits = 2 * n * h * static_cast<double>(config.vocabulary);
  const HeadLayout layout = LayoutOfHead(config, tokens);
  return {.forward_flops = 2 * logits,
          .input_gradient_flops = 8 * n * h,
          .weight_gradient_flops = 2 * logits,
          .saved_bytes = layout.saved_bytes,
          .scratch_bytes = layout.scratch_bytes};
}

}  // namespace

int64_t UnitCount(const Gpt2Config& config) { return config.layers + 2; }

std::vector<Parameter> UnitParameters(const Gpt2Config& config, int64_t unit) {
  PENSTOCK_CHECK(unit >= 0 && unit < UnitCount(config));
  if (IsEmbedding(unit)) return EmbeddingParameters(config);
  if (IsHead(config, unit)) return HeadParameters(config);
  return BlockParameters(config, unit - 1);
}

std::vector<Parameter> AllParameters(const Gpt2Config& config) {
  std::vector<Parameter> all;
  for (int64_t unit = 0; unit < UnitCount(config); ++unit) {
    for (Parameter& parameter : UnitParameters(config, unit)) {
      // The only tensor that two units have is the tied one.
      if (unit > 0 && parameter.name == kTokenTable) continue;
      all.push_back(std::move(parameter));
    }
  }
  return all;
}

UnitCost CostOfUnit(const Gpt2Config& config, int64_t unit, int64_t tokens,
                    int pieces) {
  PENSTOCK_CHECK(unit >= 0 && unit < UnitCount(config) && tokens >= 0);
  if (IsEmbedding(unit)) {
    return CostOfEmbedding(config, static_cast<double>(tokens));
  }
  if (IsHead(config, unit)) return CostOfHead(config, tokens);
  return CostOfBlock(config, tokens, pieces);
}

}  // namespace penstock
