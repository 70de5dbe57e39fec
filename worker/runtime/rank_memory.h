#ifndef WORKER_RUNTIME_RANK_MEMORY_H_
#define WORKER_RUNTIME_RANK_MEMORY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/plan.h"
#include "worker/model/layer.h"
#include "worker/runtime/arena.h"
#include "worker/runtime/buffer_pool.h"
#include "worker/runtime/stage.h"

namespace penstock {

// One weight tensor that this rank holds, [parameter.count()] each, float32 but
// for the rounded copies, which are bfloat16.
struct ParameterSlot {
  Parameter parameter;
  int64_t model_index = 0;  // In AllParameters.
  int stage = 0;
  float* weight = nullptr;  // The newest version.
  // What layers read of it instead; null where they read the weight itself: in
  // fp32, and of vectors.
  std::byte* rounded = nullptr;
  // A buffer for each version that the stage holds at once, and its rounded
  // copy or null; weight and rounded are one of them.
  std::vector<float*> versions;
  std::vector<std::byte*> rounded_versions;
  float* gradient = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  // False for the head's copy of a tied embedding that another rank holds, too,
  // and for the second copy of a bidirectional schedule's model: the norm
  // counts each weight, and checkpoints have it, once.
  bool counted = true;
};

// What one stage of the rank holds.
struct StageMemory {
  int stage = 0;
  StageSizes sizes;
  int versions = 1;  // Of the weights, held at once.
  // With the weights' first buffers.
  std::vector<std::vector<LayerWeight>> unit_weights;
  float* gradients = nullptr;  // Of all its weights, one behind the other.
  int64_t gradient_count = 0;
  std::byte* workspace = nullptr;  // The rank's: its stages take turns.
  BufferPool activations;
  BufferPool inputs;
  BufferPool outputs;
  BufferPool output_gradients;
  BufferPool input_gradients;
  BufferPool deferred;
};

// The two gradients of a tied embedding, where this rank has to do with them:
// the sum of both is the gradient of the one weight.
struct TiedGradient {
  int stage = 0;              // That has `gradient`.
  float* gradient = nullptr;  // Where the sum goes.
  float* other = nullptr;     // The head's, or a buffer for the other rank's.
  int64_t count = 0;
  int other_rank = -1;  // -1: both stages are on this rank.
};

// All memory of one rank, cut by its plan from two arenas of its device: what
// stays for the whole job, and the pools and workspace of the stages, which
// follow the program.
struct RankMemory {
  std::unique_ptr<Arena> arena;
  std::unique_ptr<Arena> pools;
  std::vector<ParameterSlot> parameters;  // By stage and unit, in model order.
  std::vector<StageMemory> stages;
  std::vector<TiedGradient> tied;  // One at most, empty when untied.
  // For a checkpoint: 3 x counted weights, which the host reads. In the arena,
  // or in `host_snapshot` where the host cannot read that.
  std::byte* snapshot = nullptr;
  int64_t snapshot_bytes = 0;
  std::unique_ptr<std::byte[]> host_snapshot;
  // Weights and moments before an optimistic update, slot by slot: 3 x weights;
  // null when updates are not.
  std::byte* kept = nullptr;
  // max(replicas, copies) x kReduceChunkFloats.
  float* reduce_chunks = nullptr;
};

// Floats that travel at a time when gradients are summed over replicas: 1 MiB.
inline constexpr int64_t kReduceChunkFloats = 256 << 10;

// The plan's model; null when it is a sim model.
const Architecture* TrainedModelOf(const Plan& plan);

// Sizes of a stage of the plan.
StageSizes SizesOf(const Plan& plan, int stage);

// Indices in AllParameters of what `rank` counts in the norm and writes into
// checkpoints, in the order of its slots.
std::vector<int64_t> CountedParameters(const Plan& plan, int rank);

// Errors: ResourceExhausted: the device, or the host for what it reads, has
// less memory than the plan needs.
absl::StatusOr<RankMemory> PlanRankMemory(Backend& backend, const Plan& plan,
                                          int rank);

// Cuts the pools and the workspace of `memory` anew, for another plan with the
// same stages. None of their buffers may be lent. All else stays where it is.
//
// Errors: as above; then there are none.
absl::Status ReplanPools(Backend& backend, const Plan& plan, int rank,
                         RankMemory& memory);

}  // namespace penstock

#endif  // WORKER_RUNTIME_RANK_MEMORY_H_
