#ifndef COORDINATOR_PLANNER_SOLVE_STAGE_MODEL_H_
#define COORDINATOR_PLANNER_SOLVE_STAGE_MODEL_H_

#include <cstdint>
#include <vector>

#include "coordinator/planner/solve/problem.h"

namespace penstock {

// Of one layer and one micro-batch; bytes saturate, see saturating.h.
struct LayerCost {
  LayerTimes times;
  int64_t states = 0;       // Parameters, gradients, optimizer.
  int64_t activation = 0;   // Kept from F on.
  int64_t recomputed = -1;  // Kept when it is recomputed; -1: cannot be.
  int64_t boundary = 0;     // Of its output.

  // What recomputing it saves per micro-batch in flight, and costs.
  int64_t saving() const {
    return recomputed < 0 ? 0 : activation - recomputed;
  }
};

// What stages, i.e. ranges [begin, end) of layers, take and need, for one
// micro-batch size.
class StageModel {
 public:
  // Requires times of every layer for that size.
  StageModel(const SolveProblem& problem, int64_t micro_batch_size);

  int64_t layers() const { return static_cast<int64_t>(costs_.size()); }
  const LayerCost& layer(int64_t index) const { return costs_[index]; }

  LayerTimes Times(int64_t begin, int64_t end) const;

  // States, plus the tensors that cross the stage's ends: one input that is
  // received ahead, one output that is being sent, and their gradients.
  int64_t FixedBytes(int64_t begin, int64_t end) const;

  // Per micro-batch in flight, nothing recomputed.
  int64_t ActivationBytes(int64_t begin, int64_t end) const;

 private:
  std::vector<LayerCost> costs_;
  // Sums over the layers before.
  std::vector<LayerTimes> times_before_;
  std::vector<int64_t> states_before_;
  std::vector<int64_t> activations_before_;
};

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_STAGE_MODEL_H_
