#ifndef COORDINATOR_PLANNER_SOLVE_LOWER_BOUND_H_
#define COORDINATOR_PLANNER_SOLVE_LOWER_BOUND_H_

#include <cstdint>
#include <vector>

#include "coordinator/planner/solve/problem.h"
#include "coordinator/planner/solve/stage_model.h"
#include "coordinator/planner/solve/ticks.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Bounds that no step can beat, whatever its schedule's order; latency, memory
// and recomputing are left out, which only lowers them.
//
// A rank whose first slice of the model begins at layer c cannot begin before
// the first micro-batch has come through the layers before c, then has all its
// micro-batches to do, and after its last backward action the gradient has to
// go down through those layers again. With whole backward actions that is
// planner.md's
//   max_k(sum of t before stage k + m t_k);
// with I and W apart, W may be what is done last:
//   max(F before + all of the rank, F before + F and I of the rank + I before).
struct BoundShape {
  int64_t microbatches = 0;  // That go through one stage.
  bool whole = true;         // Micro-batches are not cut into pieces.
  bool splits_backward = false;
  bool one_stage_per_rank = false;
};

BoundShape BoundShapeOf(const Schedule& schedule);

// Work for one micro-batch, and how fast it is done.
struct WorkAt {
  LayerTimes times;
  int64_t speed_millionths = 0;
};

// Ticks of a rank that does `rank` for each micro-batch, the first layer of
// which comes after `before`.
int64_t LeastTimeOfRank(const TickScale& scale, const BoundShape& shape,
                        const WorkAt& before, const WorkAt& rank);

// The least of any cuts on ranks of these devices in any order: all work shared
// out evenly, the longest layer, one micro-batch through all layers and back,
// and, with one stage per rank, the bound above, minimised over the cuts as if
// every rank had the fastest device.
int64_t LeastMakespan(const StageModel& model, const TickScale& scale,
                      const BoundShape& shape,
                      const std::vector<SolveDevice>& ranks, int copies);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_LOWER_BOUND_H_
