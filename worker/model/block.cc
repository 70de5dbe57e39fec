#include "worker/model/block.h"

#include "proto/base/status_macros.h"

namespace penstock {

Block::Block(const Gpt2Config& config, const PassShape& pass, Backend& backend,
             std::span<const LayerWeight> weights)
    : memory_(ShapeOfBlock(config), pass),
      backend_(backend),
      norm1_(backend, weights[0], weights[1], kGpt2Epsilon),
      qkv_(backend, weights[2], weights[3], config.hidden, 3 * config.hidden),
      attention_(memory_, pass.pieces, backend),
      attention_projection_(backend, weights[4], weights[5], config.hidden,
                            config.hidden),
      norm2_(backend, weights[6], weights[7], kGpt2Epsilon),
      fc_(backend, weights[8], weights[9], config.hidden, 4 * config.hidden),
      mlp_projection_(backend, weights[10], weights[11], 4 * config.hidden,
                      config.hidden) {}

absl::Status Block::Forward(const LayerTokens& /*tokens*/, ConstTensor x,
                            Tensor y, const LayerMemory& memory) {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const Tensor norm = memory_.Norm(memory.scratch);
  RETURN_IF_ERROR(norm1_.Forward(x, norm, saved.norm1));
  RETURN_IF_ERROR(qkv_.Forward(norm, {}, saved.qkv));
  RETURN_IF_ERROR(attention_.Forward(memory));
  RETURN_IF_ERROR(
      attention_projection_.Forward(saved.attention, x, saved.middle));

  RETURN_IF_ERROR(norm2_.Forward(saved.middle, norm, saved.norm2));
  RETURN_IF_ERROR(fc_.Forward(norm, {}, saved.mlp_in));
  const Tensor gelu = memory_.ForwardActivation(memory.scratch);
  RETURN_IF_ERROR(backend_.Gelu(saved.mlp_in, gelu));
  return mlp_projection_.Forward(gelu, saved.middle, y);
}

absl::Status Block::BackwardInput(const LayerTokens& /*tokens*/, ConstTensor x,
                                  ConstTensor dy, Tensor dx,
                                  const LayerMemory& memory) {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const BlockMemory::Deferred deferred = memory_.DeferredIn(memory.deferred);
  const Tensor d_fc = deferred.d_mlp_in;
  RETURN_IF_ERROR(mlp_projection_.BackwardInput(dy, {}, d_fc));
  RETURN_IF_ERROR(backend_.GeluBackward(
      d_fc, saved.mlp_in, d_fc, deferred.activation, fc_.bias_gradient()));
  RETURN_IF_ERROR(fc_.BackwardInput(d_fc, {}, deferred.d_norm2));
  RETURN_IF_ERROR(norm2_.BackwardInput(deferred.d_norm2, saved.middle,
                                       saved.norm2, dy, deferred.d_middle));

  RETURN_IF_ERROR(attention_projection_.BackwardInput(
      deferred.d_middle, {}, memory_.DAttention(memory.scratch)));
  RETURN_IF_ERROR(attention_.Backward(memory));
  RETURN_IF_ERROR(qkv_.BackwardInput(deferred.d_qkv, {}, deferred.d_norm1));
  return norm1_.BackwardInput(deferred.d_norm1, x, saved.norm1,
                              deferred.d_middle, dx);
}

absl::Status Block::BackwardWeight(const LayerTokens& /*tokens*/, ConstTensor x,
                                   ConstTensor dy, const LayerMemory& memory) {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const BlockMemory::Deferred deferred = memory_.DeferredIn(memory.deferred);
  const Tensor norm = memory_.Norm(memory.scratch);

  RETURN_IF_ERROR(mlp_projection_.BackwardWeight(deferred.activation, dy));
  RETURN_IF_ERROR(
      norm2_.BackwardWeight(deferred.d_norm2, saved.middle, saved.norm2, norm));
  RETURN_IF_ERROR(fc_.BackwardMatrix(norm, deferred.d_mlp_in));

  RETURN_IF_ERROR(
      attention_projection_.BackwardWeight(saved.attention, deferred.d_middle));
  RETURN_IF_ERROR(
      norm1_.BackwardWeight(deferred.d_norm1, x, saved.norm1, norm));
  return qkv_.BackwardWeight(norm, deferred.d_qkv);
}

}  // namespace penstock
