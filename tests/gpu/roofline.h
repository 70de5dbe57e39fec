#ifndef TESTS_GPU_ROOFLINE_H_
#define TESTS_GPU_ROOFLINE_H_

#include <compare>
#include <cstdint>

#include "kernels/attention_shape.h"
#include "kernels/backend.h"

namespace penstock::gpu {

// What computes: a device reaches other rates in each.
enum class Unit { kMemory, kProduct, kAttention, kAttentionBackward };

// The least that one call has to do, and its shape as far as rates depend on
// it. Bytes are those of the device's memory, each argument read once and each
// result written once, as by a kernel that starts with cold caches and keeps
// everything after that; results that are added to are read, too. Operations
// are those of products, which alone are worth counting: one that reads a
// bfloat16 and writes one may do seventy more on its way and still wait for the
// memory of an H200.
struct Work {
  Unit unit = Unit::kMemory;
  int64_t width = 0;  // A product's smallest extent; attention's head_dim.
  int64_t flops = 0;
  int64_t bytes = 0;

  friend auto operator<=>(const Work&, const Work&) = default;
};

// 2 m n k operations, whatever is added besides.
Work WorkOf(const MatmulArgs& args);

// Two products forward, five backward, which makes the scores again, of the
// pairs that causality leaves: half of `sequence` squared for each head, and
// all with the tokens before. Twice those and five times as many a token and
// layer are the 2 T C and 5 T C of a transformer. The backward pass of the form
// AttentionForm::kFast moves no more than its tensors here; a real one keeps
// dq in float32 meanwhile.
Work WorkOfAttention(const AttentionShape& shape, DataType type);
Work WorkOfAttentionBackward(const AttentionShape& shape, DataType type);

// Rates of one device in bfloat16, in 10^12 operations, or bytes, a second.
// These are what an H200 is expected to reach, by what others have measured on
// one or on an H100: all that is predicted from them is assumed.
struct Rates {
  // Of products by their smallest extent: up to 768, from 4096 on, and between
  // them by its logarithm. cuBLAS reaches 770 to 800 at 8192 cubed.
  double narrow_product = 540;
  double wide_product = 720;
  // Of attention with heads of up to 64 columns, sequences of 1024 tokens,
  double attention = 288;
  double attention_backward = 245;
  // and with wider ones, of 4096 tokens.
  double wide_attention = 591;
  double wide_attention_backward = 474;
  double memory = 3.5;

  // Of a product whose smallest extent is `width`.
  double Product(int64_t width) const;
};

// The longer of computing and moving.
double SecondsOf(const Work& work, const Rates& rates);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_ROOFLINE_H_
