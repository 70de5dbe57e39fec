#ifndef PROTO_UNIT_COST_H_
#define PROTO_UNIT_COST_H_

#include <cstdint>

#include "proto/precision.h"
#include "proto/unit_layout.h"

namespace penstock {

// What a unit of a model costs per micro-batch, or piece of one, of `tokens`
// tokens. The worker's layers lay out their memory by these numbers and the
// planner forecasts with them.
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

// `tables`: how many rows are added up for a token.
UnitCost CostOfEmbedding(int64_t hidden, int64_t tokens, int tables);

// `pieces`: how many the sequences are cut into. The operations are those of an
// average piece.
UnitCost CostOfBlock(const BlockShape& shape, int64_t tokens, int pieces,
                     Precision precision);

UnitCost CostOfHead(const HeadShape& shape, int64_t tokens,
                    Precision precision);

}  // namespace penstock

#endif  // PROTO_UNIT_COST_H_
