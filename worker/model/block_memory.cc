#include "worker/model/block_memory.h"

namespace penstock {
namespace {

float* Floats(std::byte* memory, int64_t offset) {
  return reinterpret_cast<float*>(memory + offset);
}

}  // namespace

BlockMemory::Saved BlockMemory::SavedIn(std::byte* saved) const {
  return {.norm1 = {Floats(saved, layout_.mean1), Floats(saved, layout_.rstd1)},
          .qkv = At(saved, layout_.qkv, shape_.qkv_width()),
          .attention = At(saved, layout_.attention, shape_.q_width()),
          .lse = Floats(saved, layout_.lse),
          .middle = At(saved, layout_.middle, shape_.hidden),
          .norm2 = {Floats(saved, layout_.mean2), Floats(saved, layout_.rstd2)},
          .mlp_in = At(saved, layout_.mlp_in, shape_.mlp_in_width()),
          .later_d_kv = Float32(saved + layout_.later_d_kv, tokens_,
                                2 * shape_.kv_width())};
}

BlockMemory::Deferred BlockMemory::DeferredIn(std::byte* deferred) const {
  return {.d_mlp_in = At(deferred, layout_.d_mlp_in, shape_.mlp_in_width()),
          .activation = At(deferred, layout_.activation, shape_.mlp),
          .d_norm2 = At(deferred, layout_.d_norm2, shape_.hidden),
          .d_middle = At(deferred, layout_.d_middle, shape_.hidden),
          .d_qkv = At(deferred, layout_.d_qkv, shape_.qkv_width()),
          .d_norm1 = At(deferred, layout_.d_norm1, shape_.hidden)};
}

Tensor BlockMemory::Norm(std::byte* scratch) const {
  return At(scratch, layout_.norm, shape_.hidden);
}

Tensor BlockMemory::ForwardActivation(std::byte* scratch) const {
  return At(scratch, layout_.forward_activation, shape_.mlp);
}

Tensor BlockMemory::DAttention(std::byte* scratch) const {
  return At(scratch, layout_.d_attention, shape_.q_width());
}

}  // namespace penstock
