#ifndef COORDINATOR_PLANNER_MODEL_MEMORY_H_
#define COORDINATOR_PLANNER_MODEL_MEMORY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/memory_formulas.h"

namespace penstock {

// Someone's training run, as the formulas see it; all numbers are >= 1 unless
// said otherwise.
struct MemoryRun {
  TransformerShape model;
  int64_t sequence = 1024;
  int64_t micro_batch = 1;
  int64_t microbatches = 0;  // Per step; 0: as many as there are ranks.
  int64_t tensor = 1;
  int64_t pipeline = 1;
  int64_t stages_per_rank = 1;
  int64_t data = 1;
  ActivationPolicy activations = ActivationPolicy::kTensorSequenceSelective;
  StateBytes states = kMegatronMixed;
  int zero_stage = 0;  // 0 to 3.
};

// What one rank of the pipeline holds. Embedding and head are not counted among
// the layers, but their parameters are.
struct ModelRankMemory {
  int64_t layers = 0;
  int64_t parameters = 0;  // Of one tensor-parallel rank.
  double weights = 0;      // Bytes, from here on.
  double gradients = 0;
  double optimizer = 0;
  int64_t in_flight = 0;  // Micro-batches of one of its stages.
  double activations = 0;
  double logits = 0;  // Of the last rank: 16 bits and the loss's 32.

  double total() const {
    return weights + gradients + optimizer + activations + logits;
  }
};

// Per rank. Layers are split evenly, the first ranks having one more where that
// leaves a rest; interleaved stages must be equal. One stage per rank runs
// 1F1B, more run interleaved 1F1B.
//
// Errors:
//   InvalidArgument: a size that is not positive, or does not divide another:
//     the field, its value and what would be accepted.
absl::StatusOr<std::vector<ModelRankMemory>> MemoryOfRanks(
    const MemoryRun& run);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_MODEL_MEMORY_H_
