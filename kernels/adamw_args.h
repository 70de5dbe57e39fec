#ifndef KERNELS_ADAMW_ARGS_H_
#define KERNELS_ADAMW_ARGS_H_

#include <cstddef>
#include <cstdint>

namespace penstock {

// One tensor of a flat parameter arena, for the optimizer.
struct AdamWArgs {
  float* weight = nullptr;  // [count]; this and the next three alias nothing.
  const float* gradient = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  // [count] bfloat16: the weight rounded as by Backend::Round. Null for none.
  std::byte* rounded = nullptr;
  int64_t count = 0;
  float gradient_scale = 1;  // Clip factor.
  float learning_rate = 0;
  float beta1 = 0;
  float beta2 = 0;
  float epsilon = 0;
  float weight_decay = 0;  // 0 for tensors that are not decayed.
  int64_t step = 0;        // From 1; for bias correction.
};

}  // namespace penstock

#endif  // KERNELS_ADAMW_ARGS_H_
