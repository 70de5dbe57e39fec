#ifndef WORKER_RUNTIME_WEIGHTS_H_
#define WORKER_RUNTIME_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/file/allowed_roots.h"
#include "proto/plan.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {

// Fills the rank's weights and moments from where the plan says they start: a
// checkpoint, a Hugging Face directory, or the seed; gradients become zero.
// Returns how many samples of the data the start has consumed.
//
// Errors: those of AllowedRoots::Resolve and WeightSource.
absl::StatusOr<int64_t> LoadWeights(const Plan& plan, const AllowedRoots& roots,
                                    Backend& backend, RankMemory& memory);

// One update in the history of a weight.
struct WeightUpdate {
  int64_t number = 0;  // From 1, for AdamW's bias correction.
  float learning_rate = 0;
  float clip_factor = 1;
};

// The learning rate of a step of the job.
float LearningRateOf(const JobSpec& spec, int64_t step);

// Makes the copy that layers read, if any, of what the weight is.
//
// Errors: those of Backend.
absl::Status RoundSlot(const ParameterSlot& slot, Backend& backend);

// Updates one weight and the copy that layers read; its gradient stays.
//
// Errors: those of Backend.
absl::Status UpdateSlot(const AdamWSpec& adamw, const WeightUpdate& update,
                        const ParameterSlot& slot, Backend& backend);

// Makes update `step` of all weights; their gradients stay.
//
// Errors: those of Backend.
absl::Status ApplyAdamW(const JobSpec& spec, int64_t step, float clip_factor,
                        Backend& backend, RankMemory& memory);

// Of one stage.
//
// Errors: those of Backend.
absl::Status ZeroGradients(Backend& backend, const StageMemory& stage);

// Of all stages.
//
// Errors: those of Backend.
absl::Status ZeroGradients(Backend& backend, const RankMemory& memory);

// Makes update `step` of all weights, and zeroes their gradients.
//
// Errors: those of Backend.
absl::Status UpdateWeights(const JobSpec& spec, int64_t step, float clip_factor,
                           Backend& backend, RankMemory& memory);

// Sum of squares of each counted weight's gradient, in the order of the slots.
//
// Errors: those of Backend.
absl::StatusOr<std::vector<double>> GradientNormsSquared(
    Backend& backend, const RankMemory& memory);

}  // namespace penstock

#endif  // WORKER_RUNTIME_WEIGHTS_H_
