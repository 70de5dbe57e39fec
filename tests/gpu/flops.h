#ifndef TESTS_GPU_FLOPS_H_
#define TESTS_GPU_FLOPS_H_

#include <cstdint>

#include "proto/architecture.h"

namespace penstock::gpu {

// How attention's products count. PaLM's form (Chowdhery et al. 2022, appendix
// B) counts all pairs of tokens; the causal one those that are not masked, half
// of them, which is the work really needed.
enum class Counting { kCausal, kFull };

// Weights that a token meets in a product: matrices, the head's once even if it
// is the embedding's, but not the tables that are only looked up.
int64_t ProductWeights(const Architecture& model);

// Floating-point operations of a forward and a backward pass for one token,
// nothing made twice: 6 per weight of ProductWeights, and of attention in each
// layer 6 (causal) or 12 (full) per column of the heads and token of the
// sequence.
double FlopsPerToken(const Architecture& model, Counting counting);

// Dense bfloat16 of an H100 or H200 with SXM, in operations a second: what
// others divide by as well.
inline constexpr double kHopperPeakFlops = 989.4e12;

// Model flops utilization: the share of `peak_flops` that a rate reaches.
inline double Mfu(double tokens_per_second, double flops_per_token,
                  double peak_flops = kHopperPeakFlops) {
  return tokens_per_second * flops_per_token / peak_flops;
}

}  // namespace penstock::gpu

#endif  // TESTS_GPU_FLOPS_H_
