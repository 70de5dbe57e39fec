#include "worker/model/attention.h"

#include "proto/base/status_macros.h"

namespace penstock {

Attention::Attention(const BlockMemory& memory, int pieces, Backend& backend)
    : memory_(memory),
      pieces_(pieces),
      shape_{
          .batch = memory.tokens() / (memory.shape().sequence_length / pieces),
          .sequence = memory.shape().sequence_length / pieces,
          .heads = memory.shape().heads,
          .head_dim = memory.shape().head_dim,
          .kv_heads = memory.shape().kv_heads},
      q_width_(memory.shape().q_width()),
      kv_width_(memory.shape().kv_width()),
      backend_(backend) {}

Tensor Attention::KeysValuesOf(const Tensor& qkv) const {
  return Columns(qkv, q_width_, 2 * kv_width_);
}

absl::StatusOr<Attention::KeysValues> Attention::Gather(
    const BlockMemory::Saved& saved, const LayerMemory& memory,
    std::byte* gathered) const {
  if (pieces_ == 1) return KeysValues{shape_, KeysValuesOf(saved.qkv)};
  KeysValues all{.shape = shape_};
  const int64_t pieces = std::ssize(memory.earlier) + 1;
  const int64_t length = shape_.sequence;
  all.shape.before = length * (pieces - 1);
  all.kv = {gathered, shape_.batch * all.shape.keys(), 2 * kv_width_,
            2 * kv_width_, memory_.type()};
  for (int64_t b = 0; b < shape_.batch; ++b) {
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const Tensor qkv = piece + 1 < pieces
                             ? memory_.SavedIn(memory.earlier[piece]).qkv
                             : saved.qkv;
      RETURN_IF_ERROR(
          CopyRows(KeysValuesOf(Rows(qkv, b * length, length)),
                   Rows(all.kv, (b * pieces + piece) * length, length)));
    }
  }
  return all;
}

absl::Status Attention::Scatter(const BlockMemory::Saved& saved,
                                const LayerMemory& memory, Tensor d_kv,
                                Tensor d_qkv) const {
  const int64_t earlier = std::ssize(memory.earlier);
  const int64_t length = shape_.sequence;
  for (int64_t b = 0; b < shape_.batch; ++b) {
    for (int64_t piece = 0; piece < earlier; ++piece) {
      const Tensor later = memory_.SavedIn(memory.earlier[piece]).later_d_kv;
      RETURN_IF_ERROR(
          AddRows(Rows(d_kv, (b * (earlier + 1) + piece) * length, length),
                  Rows(later, b * length, length)));
    }
    const Tensor sum = Rows(saved.later_d_kv, b * length, length);
    RETURN_IF_ERROR(AddRows(
        Rows(d_kv, (b * (earlier + 1) + earlier) * length, length), sum));
    const Tensor own = KeysValuesOf(Rows(d_qkv, b * length, length));
    RETURN_IF_ERROR(own.type == DataType::kFloat32 ? CopyRows(sum, own)
                                                   : backend_.Round(sum, own));
  }
  return absl::OkStatus();
}

// Both are dense.
absl::Status Attention::AddRows(Tensor from, Tensor to) const {
  const int64_t count = from.rows * from.cols;
  if (from.type == DataType::kFloat32) {
    return backend_.Accumulate(from.as<float>(), count, to.as<float>());
  }
  // One row of all elements: the sum over the rows is the row itself.
  return backend_.ColumnSums({from.data, 1, count, count, from.type},
                             to.as<float>());
}

absl::Status Attention::CopyRows(Tensor from, Tensor to) const {
  for (int64_t row = 0; row < from.rows; ++row) {
    RETURN_IF_ERROR(backend_.Copy(Rows(from, row, 1).as<std::byte>(),
                                  Rows(to, row, 1).as<std::byte>(),
                                  from.cols * SizeOf(from.type)));
  }
  return absl::OkStatus();
}

absl::Status Attention::Forward(const LayerMemory& memory) const {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const BlockLayout& layout = memory_.layout();
  if (pieces_ > 1) {
    RETURN_IF_ERROR(backend_.Zero(saved.later_d_kv.as<std::byte>(),
                                  memory_.tokens() * 2 * kv_width_ * 4));
  }
  ASSIGN_OR_RETURN(const KeysValues all,
                   Gather(saved, memory, memory.scratch + layout.forward_kv));
  return backend_.Attention(
      all.shape, Columns(saved.qkv, 0, q_width_), Columns(all.kv, 0, kv_width_),
      Columns(all.kv, kv_width_, kv_width_), saved.attention, saved.lse,
      memory.scratch + layout.forward_attention);
}

absl::Status Attention::Backward(const LayerMemory& memory) const {
  const BlockMemory::Saved saved = memory_.SavedIn(memory.saved);
  const Tensor d_qkv = memory_.DeferredIn(memory.deferred).d_qkv;
  const BlockLayout& layout = memory_.layout();
  std::byte* const scratch = memory.scratch;
  ASSIGN_OR_RETURN(const KeysValues all,
                   Gather(saved, memory, scratch + layout.backward_kv));
  const Tensor d_kv = pieces_ == 1
                          ? KeysValuesOf(d_qkv)
                          : Tensor{scratch + layout.backward_d_kv, all.kv.rows,
                                   2 * kv_width_, 2 * kv_width_, d_qkv.type};
  RETURN_IF_ERROR(backend_.AttentionBackward(
      all.shape, Columns(saved.qkv, 0, q_width_), Columns(all.kv, 0, kv_width_),
      Columns(all.kv, kv_width_, kv_width_), saved.attention,
      memory_.DAttention(scratch), saved.lse, Columns(d_qkv, 0, q_width_),
      Columns(d_kv, 0, kv_width_), Columns(d_kv, kv_width_, kv_width_),
      scratch + layout.backward_attention));
  if (pieces_ == 1) return absl::OkStatus();
  return Scatter(saved, memory, d_kv, d_qkv);
}

}  // namespace penstock
