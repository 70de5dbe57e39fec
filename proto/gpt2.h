#ifndef PROTO_GPT2_H_
#define PROTO_GPT2_H_

#include <cstdint>
#include <string>
#include <vector>

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

// One weight tensor under its global name, which depends on neither pipeline
// width nor replicas: Hugging Face's GPT2LMHeadModel names, so linear weights
// are [in, out] and "lm_head.weight" [vocabulary, hidden] exists only untied.
struct Parameter {
  std::string name;
  std::vector<int64_t> shape;

  int64_t count() const {
    int64_t product = 1;
    for (const int64_t extent : shape) product *= extent;
    return product;
  }
};

// The model is a chain of units that a partition may cut between: unit 0 the
// embedding, units 1..layers the blocks, unit layers+1 final norm, head and
// loss.
int64_t UnitCount(const Gpt2Config& config);

// Parameters of one unit in model order. A tied head lists
// "transformer.wte.weight" a second time: it needs the tensor, too.
std::vector<Parameter> UnitParameters(const Gpt2Config& config, int64_t unit);

// All parameters in model order, each once.
std::vector<Parameter> AllParameters(const Gpt2Config& config);

// What a unit costs per micro-batch, or piece of one, of `tokens` tokens. The
// worker's layers lay out their memory by these numbers and the planner
// forecasts with them.
struct UnitCost {
  double forward_flops = 0;
  double input_gradient_flops = 0;
  double weight_gradient_flops = 0;
  // Kept from the forward pass to the last backward pass that needs it; without
  // the unit's input, which is the output of the unit before.
  int64_t saved_bytes = 0;
  // Kept from the input-gradient pass to the weight-gradient pass; without the
  // gradient of the unit's output.
  int64_t deferred_bytes = 0;
  // Needed during one pass only.
  int64_t scratch_bytes = 0;
};

// `pieces`: how many the sequences are cut into. The operations are those of an
// average piece.
UnitCost CostOfUnit(const Gpt2Config& config, int64_t unit, int64_t tokens,
                    int pieces = 1);

}  // namespace penstock

#endif  // PROTO_GPT2_H_
