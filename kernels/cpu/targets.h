// Which instruction sets the kernels are compiled for: AVX-512, AVX2 and a
// portable baseline. The ones between would only cost compile time. To be
// included before any header of Highway.

#ifndef KERNELS_CPU_TARGETS_H_
#define KERNELS_CPU_TARGETS_H_

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)

#endif  // KERNELS_CPU_TARGETS_H_
