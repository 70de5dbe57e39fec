#ifndef PROTO_UNIT_COST_H_
#define PROTO_UNIT_COST_H_

#include <cstdint>

#include "proto/unit_layout.h"

namespace penstock {

// What the passes of a unit of a model cost. The worker's layers lay out their
// memory by these numbers and the planner forecasts with them.
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

// With pieces the operations are those of an average one.
UnitCost CostOfBlock(const BlockShape& shape, const PassShape& pass);

UnitCost CostOfHead(const HeadShape& shape, const PassShape& pass);

}  // namespace penstock

#endif  // PROTO_UNIT_COST_H_
