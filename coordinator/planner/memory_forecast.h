#ifndef COORDINATOR_PLANNER_MEMORY_FORECAST_H_
#define COORDINATOR_PLANNER_MEMORY_FORECAST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/job_spec.h"
#include "proto/plan.h"

namespace penstock {

// Of one unit of a model, in bytes; activations per micro-batch.
struct UnitMemory {
  int64_t weights = 0;  // As many for gradients, twice for AdamW's moments.
  int64_t rounded = 0;  // Copies of weights that layers read instead.
  int64_t saved = 0;    // From here on as in UnitCost.
  int64_t deferred = 0;
  int64_t scratch = 0;
};

// What the units of a job's model need.
struct ModelMemory {
  std::vector<UnitMemory> units;
  int64_t boundary = 0;  // Of a tensor between two units.
  // Of the weight that the first and the last unit share; 0 when untied. Each
  // of the two counts it among its weights.
  int64_t tied = 0;
  int64_t tied_rounded = 0;  // Its copy that layers read.
  // What matrix products keep in an order of their own, besides the arena:
  // about the weights of one block.
  int64_t packed = 0;
  int64_t process = 0;             // What a process takes of the memory itself.
  bool checkpoint_here = true;     // The copy that is written is in the memory.
  int64_t reduction = 0;           // A rank's buffers for sums over ranks.
  bool optimistic_update = false;  // As the job's parallelism says.
};

// Requires a valid `spec` with its architecture known. `copies` of the model
// are in one pipeline, and each micro-batch is cut into `pieces`.
ModelMemory MemoryOfModel(const JobSpec& spec, int copies = 1, int pieces = 1);

// The bytes of one stage, unit by unit. All arithmetic saturates at 2^59, so
// that a forecast's total cannot overflow.
class StageMemorySum {
 public:
  // `model` must outlive this.
  explicit StageMemorySum(const ModelMemory& model) : model_(&model) {}

  // Adds a unit next to those added before, at either end.
  void Add(int64_t unit);

  // Of a rank with this stage alone.
  MemoryForecast Forecast(const StageBuffers& buffers) const;

 private:
  friend class RankMemorySum;

  const ModelMemory* model_;
  int64_t units_ = 0;
  int64_t weights_ = 0;
  int64_t rounded_ = 0;
  int64_t saved_ = 0;
  int64_t deferred_sum_ = 0;
  int64_t deferred_max_ = 0;
  int64_t scratch_max_ = 0;
  bool has_first_ = false;
  bool has_last_ = false;
};

// The bytes of one rank, stage by stage.
//
//   weights      of its units; a tied weight on one rank once; per stage in as
//                many versions as counted; in bf16 each with a rounded copy
//   gradients    of its units; a tied weight's both, until they are added up
//   optimizer    2 x weights; for optimistic updates a copy of weights and
//                moments besides: 5 x weights
//   activations  per stage: micro-batches in flight x (what its units save +
//                one tensor between each two of them)
//   buffers      per stage: inputs, outputs and their gradients, as counted;
//                and what sums over ranks take
//   workspace    of the stage that needs most: the largest scratch + one tensor
//                between units, and for a backward that is not split the
//                largest deferred set + another tensor; and, with split
//                backward, per stage: each unit's deferred set + one gradient
//                between each two, as often as counted
//   checkpoint   3 x weights: weights and moments are copied, and the copy is
//                written while training goes on; of copy 0 alone. CUDA devices
//                have it in the host's memory
//   process      25 MiB and what matrix products pack, as measured by
//                tests/end_to_end/memory_forecast_test.py; on CUDA devices 1
//                GiB for context, libraries and their workspaces, which is
//                assumed
class RankMemorySum {
 public:
  // `model` must outlive this.
  explicit RankMemorySum(const ModelMemory& model) : model_(&model) {}

  // Adds a stage of the rank. Of a bidirectional schedule's copies the first
  // alone is `written` into checkpoints.
  void Add(const StageMemorySum& stage, const StageBuffers& buffers,
           bool written = true);

  MemoryForecast Forecast() const;

 private:
  const ModelMemory* model_;
  MemoryForecast sum_;  // Without what stages share.
  int64_t written_ = 0;
  int64_t rounded_ = 0;  // Copies of the newest version of weights.
  int64_t stashed_ = 0;  // Versions of weights beside the newest.
  int64_t workspace_max_ = 0;
  bool has_first_ = false;
  bool has_last_ = false;
  bool writes_last_ = false;
};

// "1.5 GiB", for messages.
std::string MemoryText(int64_t bytes);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_MEMORY_FORECAST_H_
