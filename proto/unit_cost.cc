#include "proto/unit_cost.h"

namespace penstock {

// A row of an embedding is copied and added to, forward and backward.
UnitCost CostOfEmbedding(int64_t hidden, int64_t tokens, int tables) {
  const double elements =
      static_cast<double>(tokens) * static_cast<double>(hidden);
  return {.forward_flops = elements,
          .weight_gradient_flops = tables * elements};
}

// A product of [n, k] and [k, m] is 2nkm. The causal attention's two products
// (q k', then with v) have half of their elements; its backward pass computes
// the scores anew and four gradients' products.
UnitCost CostOfBlock(const BlockShape& shape, const PassShape& pass) {
  const double n = static_cast<double>(pass.tokens);
  const double q_width = static_cast<double>(shape.q_width());
  const int64_t matrix_rows =
      shape.qkv_width() + shape.q_width() + shape.mlp_in_width() + shape.mlp;
  const double linear = 2 * n * static_cast<double>(shape.hidden) *
                        static_cast<double>(matrix_rows);
  const double attention =
      2 * n * q_width * static_cast<double>(shape.sequence_length);
  const BlockLayout layout = LayoutOfBlock(shape, pass);
  return {.forward_flops = linear + attention,
          .input_gradient_flops = linear + 2.5 * attention,
          .weight_gradient_flops = linear,
          .saved_bytes = layout.saved_bytes,
          .deferred_bytes = layout.deferred_bytes,
          .scratch_bytes = layout.scratch_bytes};
}

// The input-gradient pass has all three products. What is left for the weight
// gradient is the norm's: about 4 operations an element.
UnitCost CostOfHead(const HeadShape& shape, const PassShape& pass) {
  const double n = static_cast<double>(pass.tokens);
  const double h = static_cast<double>(shape.hidden);
  const double logits = 2 * n * h * static_cast<double>(shape.vocabulary);
  const HeadLayout layout = LayoutOfHead(shape, pass);
  return {.input_gradient_flops = 3 * logits,
          .weight_gradient_flops = 4 * n * h,
          .saved_bytes = layout.saved_bytes,
          .deferred_bytes = layout.deferred_bytes,
          .scratch_bytes = layout.scratch_bytes};
}

}  // namespace penstock
