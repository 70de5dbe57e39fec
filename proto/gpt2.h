#ifndef PROTO_GPT2_H_
#define PROTO_GPT2_H_

#include <cstdint>
#include <vector>

#include "proto/parameter.h"
#include "proto/unit_cost.h"
#include "proto/unit_layout.h"

namespace penstock {

// GPT-2 (Radford et al. 2019): token and position embeddings, pre-LN blocks
// with causal attention and a tanh-GELU MLP of 4 x hidden, final norm, output
// head.
struct Gpt2Config {
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t sequence_length = 0;
  int64_t vocabulary = 0;
  bool tied_embeddings = true;

  friend bool operator==(const Gpt2Config&, const Gpt2Config&) = default;
};

// The layer norms' epsilon, as in every published GPT-2.
inline constexpr float kGpt2Epsilon = 1e-5f;

// The model is a chain of units that a partition may cut between: unit 0 the
// embedding, units 1..layers the blocks, unit layers+1 final norm, head and
// loss.
int64_t UnitCount(const Gpt2Config& config);

// Parameters of one unit in model order, with the names of Hugging Face's
// GPT2LMHeadModel, so linear weights are [in, out] and "lm_head.weight"
// [vocabulary, hidden] exists only untied. A tied head lists
// "transformer.wte.weight" a second time: it needs the tensor, too.
std::vector<Parameter> UnitParameters(const Gpt2Config& config, int64_t unit);

BlockShape ShapeOfBlock(const Gpt2Config& config);
HeadShape ShapeOfHead(const Gpt2Config& config);

UnitCost CostOfUnit(const Gpt2Config& config, int64_t unit,
                    const PassShape& pass);

}  // namespace penstock

#endif  // PROTO_GPT2_H_
