#include "worker/model/llama_block.h"

#include <optional>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

Norm RmsNorm(const LlamaConfig& config, Backend& backend,
             const LayerWeight& gain) {
  return {backend, gain, std::nullopt,
          static_cast<float>(config.rms_norm_epsilon)};
}

}  // namespace

LlamaBlock::LlamaBlock(const LlamaConfig& config, const PassShape& pass,
                       Backend& backend, std::span<const LayerWeight> weights)
    : memory_(ShapeOfBlock(config), pass),
      sequence_(config.sequence_length / pass.pieces),
      frequencies_(RopeFrequencies(config)),
      backend_(backend),
      norm1_(RmsNorm(config, backend, weights[0])),
      q_(backend, weights[1], config.hidden, memory_.shape().q_width()),
      k_(backend, weights[2], config.hidden, memory_.shape().kv_width()),
      v_(backend, weights[3], config.hidden, memory_.shape().kv_width()),
      attention_(memory_, pass.pieces, backend),
      o_(backend, weights[4], memory_.shape().q_width(), config.hidden),
      norm2_(RmsNorm(config, backend, weights[5])),
      gate_(backend, weights[6], config.hidden, config.intermediate),
      up_(backend, weights[7], config.hidden, config.intermediate),
      down_(backend, weights[8], config.intermediate, config.hidden) {}

Tensor LlamaBlock::QueriesOf(const Tensor& qkv) const {
  return Columns(qkv, 0, memory_.shape().q_width());
}

Tensor LlamaBlock::KeysOf(const Tensor& qkv) const {
  return Columns(qkv, memory_.shape().q_width(), memory_.shape().kv_width());
}

Tensor LlamaBlock::ValuesOf(const Tensor& qkv) const {
  return Columns(qkv, memory_.shape().q_width() + memory_.shape().kv_width(),
                 memory_.shape().kv_width());
}

Tensor LlamaBlock::TurningOf(const Tensor& qkv) const {
  return Columns(qkv, 0,
                 memory_.shape().q_width() + memory_.shape().kv_width());
}

Tensor LlamaBlock::GateOf(const Tensor& mlp_in) const {
  return Columns(mlp_in, 0, memory_.shape().mlp);
}

Tensor LlamaBlock::UpOf(const Tensor& mlp_in) const {
  return Columns(mlp_in, memory_.shape().mlp, memory_.shape().mlp);
}

RopeShape LlamaBlock::RopeOf(const LayerMemory& memory) const {
  return {.sequence = sequence_,
          .head_dim = memory_.shape().head_dim,
          .before = sequence_ * std::ssize(memory.earlier),
          .frequencies = frequencies_.data()};
}

absl::Status LlamaBlock::Forward(const LayerTokens& /*tokens*/, ConstTensor x,
                                 Tensor y, const LayerMemory& memory) {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const Tensor norm = memory_.Norm(memory.scratch);
  RETURN_IF_ERROR(norm1_.Forward(x, norm, saved.norm1));
  RETURN_IF_ERROR(q_.Forward(norm, {}, QueriesOf(saved.qkv)));
  RETURN_IF_ERROR(k_.Forward(norm, {}, KeysOf(saved.qkv)));
  RETURN_IF_ERROR(v_.Forward(norm, {}, ValuesOf(saved.qkv)));
  RETURN_IF_ERROR(backend_.Rope(RopeOf(memory), TurningOf(saved.qkv)));
  RETURN_IF_ERROR(attention_.Forward(memory));
  RETURN_IF_ERROR(o_.Forward(saved.attention, x, saved.middle));

  RETURN_IF_ERROR(norm2_.Forward(saved.middle, norm, saved.norm2));
  const Tensor gate = GateOf(saved.mlp_in);
  const Tensor up = UpOf(saved.mlp_in);
  RETURN_IF_ERROR(gate_.Forward(norm, {}, gate));
  RETURN_IF_ERROR(up_.Forward(norm, {}, up));
  const Tensor activation = memory_.ForwardActivation(memory.scratch);
  RETURN_IF_ERROR(backend_.SwiGlu(gate, up, activation));
  return down_.Forward(activation, saved.middle, y);
}

absl::Status LlamaBlock::BackwardMlp(
    ConstTensor dy, const BlockMemory::Saved& saved,
    const BlockMemory::Deferred& deferred) const {
  const Tensor d_gate = GateOf(deferred.d_mlp_in);
  const Tensor d_up = UpOf(deferred.d_mlp_in);
  // The activation's gradient is where that of `up` will be.
  RETURN_IF_ERROR(down_.BackwardInput(dy, {}, d_up));
  RETURN_IF_ERROR(backend_.SwiGluBackward(d_up, GateOf(saved.mlp_in),
                                          UpOf(saved.mlp_in), d_gate, d_up,
                                          deferred.activation));
  RETURN_IF_ERROR(gate_.BackwardInput(d_gate, {}, deferred.d_norm2));
  RETURN_IF_ERROR(up_.BackwardInput(d_up, deferred.d_norm2, deferred.d_norm2));
  return norm2_.BackwardInput(deferred.d_norm2, saved.middle, saved.norm2, dy,
                              deferred.d_middle);
}

absl::Status LlamaBlock::BackwardQkv(const Tensor& d_qkv, Tensor d_norm) const {
  RETURN_IF_ERROR(q_.BackwardInput(QueriesOf(d_qkv), {}, d_norm));
  RETURN_IF_ERROR(k_.BackwardInput(KeysOf(d_qkv), d_norm, d_norm));
  return v_.BackwardInput(ValuesOf(d_qkv), d_norm, d_norm);
}

absl::Status LlamaBlock::BackwardInput(const LayerTokens& /*tokens*/,
                                       ConstTensor x, ConstTensor dy, Tensor dx,
                                       const LayerMemory& memory) {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const BlockMemory::Deferred deferred = memory_.DeferredIn(memory.deferred);
  RETURN_IF_ERROR(BackwardMlp(dy, saved, deferred));
  RETURN_IF_ERROR(o_.BackwardInput(deferred.d_middle, {},
                                   memory_.DAttention(memory.scratch)));
  RETURN_IF_ERROR(attention_.Backward(memory));
  RETURN_IF_ERROR(
      backend_.RopeBackward(RopeOf(memory), TurningOf(deferred.d_qkv)));
  RETURN_IF_ERROR(BackwardQkv(deferred.d_qkv, deferred.d_norm1));
  return norm1_.BackwardInput(deferred.d_norm1, x, saved.norm1,
                              deferred.d_middle, dx);
}

absl::Status LlamaBlock::BackwardWeight(const LayerTokens& /*tokens*/,
                                        ConstTensor x, ConstTensor dy,
                                        const LayerMemory& memory) {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const BlockMemory::Deferred deferred = memory_.DeferredIn(memory.deferred);
  const Tensor norm = memory_.Norm(memory.scratch);

  RETURN_IF_ERROR(down_.BackwardWeight(deferred.activation, dy));
  RETURN_IF_ERROR(
      norm2_.BackwardWeight(deferred.d_norm2, saved.middle, saved.norm2, norm));
  RETURN_IF_ERROR(gate_.BackwardWeight(norm, GateOf(deferred.d_mlp_in)));
  RETURN_IF_ERROR(up_.BackwardWeight(norm, UpOf(deferred.d_mlp_in)));

  RETURN_IF_ERROR(o_.BackwardWeight(saved.attention, deferred.d_middle));
  RETURN_IF_ERROR(
      norm1_.BackwardWeight(deferred.d_norm1, x, saved.norm1, norm));
  RETURN_IF_ERROR(q_.BackwardWeight(norm, QueriesOf(deferred.d_qkv)));
  RETURN_IF_ERROR(k_.BackwardWeight(norm, KeysOf(deferred.d_qkv)));
  return v_.BackwardWeight(norm, ValuesOf(deferred.d_qkv));
}

}  // namespace penstock
