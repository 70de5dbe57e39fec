#ifndef KERNELS_ROPE_SHAPE_H_
#define KERNELS_ROPE_SHAPE_H_

#include <cstdint>

namespace penstock {

// Rotary position embedding (Su et al. 2021) of heads of `head_dim` columns in
// the form of Hugging Face's Llama, where columns i and i + head_dim / 2 of a
// head are the two coordinates that turn together. Row r is at position
// before + r % sequence.
struct RopeShape {
  int64_t sequence = 0;  // At least 1.
  int64_t head_dim = 0;  // Even, at least 2.
  int64_t before = 0;
  // [head_dim / 2] radians per position, in host memory, read during the call.
  const double* frequencies = nullptr;
};

}  // namespace penstock

#endif  // KERNELS_ROPE_SHAPE_H_
