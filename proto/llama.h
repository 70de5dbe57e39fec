#ifndef PROTO_LLAMA_H_
#define PROTO_LLAMA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/parameter.h"
#include "proto/unit_cost.h"
#include "proto/unit_layout.h"

namespace penstock {

// How Llama 3.1 stretches rotary frequencies to longer sequences: those whose
// wavelength is above original_sequence_length / low_frequency_factor turn
// `factor` times slower, those below original_sequence_length /
// high_frequency_factor stay, and between them is a smooth passage. The names
// are those of Hugging Face's "rope_scaling" of type "llama3", but for
// original_max_position_embeddings.
struct RopeScaling {
  double factor = 0;
  double low_frequency_factor = 0;
  double high_frequency_factor = 0;
  int64_t original_sequence_length = 0;

  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

// Llama (Touvron et al. 2023; Grattafiori et al. 2024): token embedding,
// pre-RMSNorm blocks with rotary positions, grouped-query attention and a
// SwiGLU MLP, final RMSNorm, output head. No biases.
struct LlamaConfig {
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;      // Divides heads.
  int64_t head_dim = 0;      // Even; heads * head_dim need not be hidden.
  int64_t intermediate = 0;  // The MLP's inner width.
  int64_t sequence_length = 0;
  int64_t vocabulary = 0;
  double rope_theta = 10000;
  double rms_norm_epsilon = 1e-6;
  bool tied_embeddings = false;
  std::optional<RopeScaling> rope_scaling;

  friend bool operator==(const LlamaConfig&, const LlamaConfig&) = default;
};

// Units as of a GPT-2.
int64_t UnitCount(const LlamaConfig& config);

// Parameters of one unit in model order, with the names of Hugging Face's
// LlamaForCausalLM, so linear weights are [out, in] and "lm_head.weight"
// [vocabulary, hidden] exists only untied. A tied head lists
// "model.embed_tokens.weight" a second time.
std::vector<Parameter> UnitParameters(const LlamaConfig& config, int64_t unit);

BlockShape ShapeOfBlock(const LlamaConfig& config);
HeadShape ShapeOfHead(const LlamaConfig& config);

UnitCost CostOfUnit(const LlamaConfig& config, int64_t unit,
                    const PassShape& pass);

// [head_dim / 2] radians by which a pair of a head's columns turns per
// position: rope_theta^(-2 i / head_dim), scaled.
std::vector<double> RopeFrequencies(const LlamaConfig& config);

}  // namespace penstock

#endif  // PROTO_LLAMA_H_
