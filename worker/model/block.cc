#include "worker/model/block.h"

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

float* Floats(std::byte* memory, int64_t offset) {
  return reinterpret_cast<float*>(memory + offset);
}

}  // namespace

Block::Block(const Gpt2Config& config, int64_t batch, Backend& backend,
             std::span<const LayerWeight> weights, int pieces)
    : pieces_(pieces),
      tokens_(batch * config.sequence_length / pieces),
      hidden_(config.hidden),
      shape_{.batch = batch,
             .sequence = config.sequence_length / pieces,
             .heads = config.heads,
             .head_dim = config.hidden / config.heads},
      layout_(LayoutOfBlock(config, tokens_, pieces)),
      backend_(backend),
      gain1_(weights[0]),
      bias1_(weights[1]),
      qkv_(backend, weights[2], weights[3], hidden_, 3 * hidden_),
      attention_projection_(backend, weights[4], weights[5], hidden_, hidden_),
      gain2_(weights[6]),
      bias2_(weights[7]),
      fc_(backend, weights[8], weights[9], hidden_, 4 * hidden_),
      mlp_projection_(backend, weights[10], weights[11], 4 * hidden_, hidden_) {
}

Tensor Block::At(std::byte* memory, int64_t offset, int64_t cols) const {
  return Float32(memory + offset, tokens_, cols);
}

Block::Saved Block::SavedIn(const LayerMemory& memory) const {
  std::byte* const saved = memory.saved;
  return {.mean1 = Floats(saved, layout_.mean1),
          .rstd1 = Floats(saved, layout_.rstd1),
          .qkv = At(saved, layout_.qkv, 3 * hidden_),
          .attention = At(saved, layout_.attention, hidden_),
          .lse = Floats(saved, layout_.lse),
          .middle = At(saved, layout_.middle, hidden_),
          .mean2 = Floats(saved, layout_.mean2),
          .rstd2 = Floats(saved, layout_.rstd2),
          .fc = At(saved, layout_.fc, 4 * hidden_),
          .later_d_kv = At(saved, layout_.later_d_kv, 2 * hidden_)};
}

Block::Deferred Block::DeferredIn(const LayerMemory& memory) const {
  std::byte* const deferred = memory.deferred;
  return {.d_fc = At(deferred, layout_.d_fc, 4 * hidden_),
          .gelu = At(deferred, layout_.gelu, 4 * hidden_),
          .d_norm2 = At(deferred, layout_.d_norm2, hidden_),
          .d_middle = At(deferred, layout_.d_middle, hidden_),
          .d_qkv = At(deferred, layout_.d_qkv, 3 * hidden_),
          .d_norm1 = At(deferred, layout_.d_norm1, hidden_)};
}

absl::StatusOr<Block::KeysValues> Block::GatherKeysValues(
    const Saved& saved, const LayerMemory& memory, std::byte* gathered) const {
  if (pieces_ == 1) {
    return KeysValues{shape_, Columns(saved.qkv, hidden_, 2 * hidden_)};
  }
  KeysValues all{.shape = shape_};
  const int64_t pieces = std::ssize(memory.earlier) + 1;
  const int64_t length = shape_.sequence;
  all.shape.before = length * (pieces - 1);
  all.kv = Float32(gathered, shape_.batch * all.shape.keys(), 2 * hidden_);
  for (int64_t b = 0; b < shape_.batch; ++b) {
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const Tensor qkv = piece + 1 < pieces ? At(memory.earlier[piece],
                                                 layout_.qkv, 3 * hidden_)
                                            : saved.qkv;
      RETURN_IF_ERROR(
          CopyRows(Columns(Rows(qkv, b * length, length), hidden_, 2 * hidden_),
                   Rows(all.kv, (b * pieces + piece) * length, length)));
    }
  }
  return all;
}

absl::Status Block::ScatterGradients(const Saved& saved,
                                     const LayerMemory& memory, Tensor d_kv,
                                     Tensor d_qkv) const {
  const int64_t earlier = std::ssize(memory.earlier);
  const int64_t length = shape_.sequence;
  const int64_t floats = length * 2 * hidden_;
  for (int64_t b = 0; b < shape_.batch; ++b) {
    for (int64_t piece = 0; piece < earlier; ++piece) {
      const Tensor later =
          At(memory.earlier[piece], layout_.later_d_kv, 2 * hidden_);
      RETURN_IF_ERROR(backend_.Accumulate(
          Rows(d_kv, (b * (earlier + 1) + piece) * length, length).as<float>(),
          floats, Rows(later, b * length, length).as<float>()));
    }
    const Tensor own =
        Rows(d_kv, (b * (earlier + 1) + earlier) * length, length);
    RETURN_IF_ERROR(backend_.Accumulate(
        Rows(saved.later_d_kv, b * length, length).as<float>(), floats,
        own.as<float>()));
    RETURN_IF_ERROR(CopyRows(
        own, Columns(Rows(d_qkv, b * length, length), hidden_, 2 * hidden_)));
  }
  return absl::OkStatus();
}

absl::Status Block::CopyRows(Tensor from, Tensor to) const {
  for (int64_t row = 0; row < from.rows; ++row) {
    RETURN_IF_ERROR(backend_.Copy(
        reinterpret_cast<const std::byte*>(Rows(from, row, 1).as<float>()),
        reinterpret_cast<std::byte*>(Rows(to, row, 1).as<float>()),
        from.cols * 4));
  }
  return absl::OkStatus();
}

absl::Status Block::ForwardAttention(ConstTensor x, const Saved& saved,
                                     const LayerMemory& memory) const {
  std::byte* const scratch = memory.scratch;
  const Tensor norm = At(scratch, layout_.norm, hidden_);
  RETURN_IF_ERROR(backend_.LayerNorm(x, gain1_.value, bias1_.value,
                                     kGpt2Epsilon, norm, saved.mean1,
                                     saved.rstd1));
  RETURN_IF_ERROR(qkv_.Forward(norm, {}, saved.qkv));
  if (pieces_ > 1) {
    RETURN_IF_ERROR(backend_.Zero(
        reinterpret_cast<std::byte*>(saved.later_d_kv.as<float>()),
        tokens_ * 2 * hidden_ * 4));
  }
  ASSIGN_OR_RETURN(
      const KeysValues all,
      GatherKeysValues(saved, memory, scratch + layout_.forward_kv));
  RETURN_IF_ERROR(backend_.Attention(
      all.shape, Columns(saved.qkv, 0, hidden_), Columns(all.kv, 0, hidden_),
      Columns(all.kv, hidden_, hidden_), saved.attention, saved.lse,
      scratch + layout_.forward_attention));
  return attention_projection_.Forward(saved.attention, x, saved.middle);
}

absl::Status Block::ForwardMlp(const Saved& saved, Tensor y,
                               std::byte* scratch) const {
  const Tensor norm = At(scratch, layout_.norm, hidden_);
  RETURN_IF_ERROR(backend_.LayerNorm(saved.middle, gain2_.value, bias2_.value,
                                     kGpt2Epsilon, norm, saved.mean2,
                                     saved.rstd2));
  RETURN_IF_ERROR(fc_.Forward(norm, {}, saved.fc));
  const Tensor gelu = At(scratch, layout_.forward_gelu, 4 * hidden_);
  RETURN_IF_ERROR(backend_.Gelu(saved.fc, gelu));
  return mlp_projection_.Forward(gelu, saved.middle, y);
}

absl::Status Block::Forward(const LayerTokens& /*tokens*/, ConstTensor x,
                            Tensor y, const LayerMemory& memory) {
  const Saved saved = SavedIn(memory);
  RETURN_IF_ERROR(ForwardAttention(x, saved, memory));
  return ForwardMlp(saved, y, memory.scratch);
}

absl::Status Block::BackwardMlp(ConstTensor dy, const Saved& saved,
                                const Deferred& deferred) const {
  RETURN_IF_ERROR(mlp_projection_.BackwardInput(dy, deferred.d_fc));
  RETURN_IF_ERROR(backend_.GeluBackward(deferred.d_fc, saved.fc, deferred.d_fc,
                                        deferred.gelu));
  RETURN_IF_ERROR(fc_.BackwardInput(deferred.d_fc, deferred.d_norm2));
  return backend_.LayerNormBackwardInput(deferred.d_norm2, saved.middle,
                                         saved.mean2, saved.rstd2, gain2_.value,
                                         dy, deferred.d_middle);
}

absl::Status Block::BackwardAttention(ConstTensor x, Tensor dx,
                                      const Saved& saved,
                                      const Deferred& deferred,
                                      const LayerMemory& memory) const {
  std::byte* const scratch = memory.scratch;
  const Tensor d_attention = At(scratch, layout_.d_attention, hidden_);
  RETURN_IF_ERROR(
      attention_projection_.BackwardInput(deferred.d_middle, d_attention));
  ASSIGN_OR_RETURN(
      const KeysValues all,
      GatherKeysValues(saved, memory, scratch + layout_.backward_kv));
  const Tensor d_kv =
      pieces_ == 1
          ? Columns(deferred.d_qkv, hidden_, 2 * hidden_)
          : Float32(scratch + layout_.backward_d_kv, all.kv.rows, 2 * hidden_);
  RETURN_IF_ERROR(backend_.AttentionBackward(
      all.shape, Columns(saved.qkv, 0, hidden_), Columns(all.kv, 0, hidden_),
      Columns(all.kv, hidden_, hidden_), saved.attention, d_attention,
      saved.lse, Columns(deferred.d_qkv, 0, hidden_), Columns(d_kv, 0, hidden_),
      Columns(d_kv, hidden_, hidden_), scratch + layout_.backward_attention));
  if (pieces_ > 1) {
    RETURN_IF_ERROR(ScatterGradients(saved, memory, d_kv, deferred.d_qkv));
  }
  RETURN_IF_ERROR(qkv_.BackwardInput(deferred.d_qkv, deferred.d_norm1));
  return backend_.LayerNormBackwardInput(deferred.d_norm1, x, saved.mean1,
                                         saved.rstd1, gain1_.value,
                                         deferred.d_middle, dx);
}

absl::Status Block::BackwardInput(const LayerTokens& /*tokens*/, ConstTensor x,
                                  ConstTensor dy, Tensor dx,
                                  const LayerMemory& memory) {
  const Saved saved = SavedIn(memory);
  const Deferred deferred = DeferredIn(memory);
  RETURN_IF_ERROR(BackwardMlp(dy, saved, deferred));
  return BackwardAttention(x, dx, saved, deferred, memory);
}

absl::Status Block::BackwardWeight(const LayerTokens& /*tokens*/, ConstTensor x,
                                   ConstTensor dy, const LayerMemory& memory) {
  const Saved saved = SavedIn(memory);
  const Deferred deferred = DeferredIn(memory);
  const Tensor norm = At(memory.scratch, layout_.norm, hidden_);

  RETURN_IF_ERROR(mlp_projection_.BackwardWeight(deferred.gelu, dy));
  RETURN_IF_ERROR(backend_.LayerNormApply(saved.middle, saved.mean2,
                                          saved.rstd2, gain2_.value,
                                          bias2_.value, norm));
  RETURN_IF_ERROR(fc_.BackwardWeight(norm, deferred.d_fc));
  RETURN_IF_ERROR(backend_.LayerNormBackwardWeight(
      deferred.d_norm2, saved.middle, saved.mean2, saved.rstd2, gain2_.gradient,
      bias2_.gradient));

  RETURN_IF_ERROR(
      attention_projection_.BackwardWeight(saved.attention, deferred.d_middle));
  RETURN_IF_ERROR(backend_.LayerNormApply(x, saved.mean1, saved.rstd1,
                                          gain1_.value, bias1_.value, norm));
  RETURN_IF_ERROR(qkv_.BackwardWeight(norm, deferred.d_qkv));
  return backend_.LayerNormBackwardWeight(deferred.d_norm1, x, saved.mean1,
                                          saved.rstd1, gain1_.gradient,
                                          bias1_.gradient);
}

}  // namespace penstock
