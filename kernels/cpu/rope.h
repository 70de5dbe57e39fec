#ifndef KERNELS_CPU_ROPE_H_
#define KERNELS_CPU_ROPE_H_

#include "kernels/rope_shape.h"
#include "kernels/tensor.h"

namespace penstock::cpu {

// See Backend. The cosines and sines of a position are taken once for all
// heads and samples.
void Rope(const RopeShape& shape, Tensor x);
void RopeBackward(const RopeShape& shape, Tensor dx);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_ROPE_H_
