#ifndef COORDINATOR_SCHEDULE_BUFFER_USE_H_
#define COORDINATOR_SCHEDULE_BUFFER_USE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "coordinator/schedule/recomputed.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/topology.h"
#include "proto/plan.h"

namespace penstock {

// Bytes of each buffer of one stage. A micro-batch means one piece of it, when
// it is cut into pieces.
struct StageBytes {
  int64_t activation = 0;  // Saved by one micro-batch's F or R for backward.
  int64_t kept = 0;        // Instead, from F to R, besides the stage's input.
  int64_t deferred = 0;    // From I to W.
  int64_t before = 0;      // Of the stage's input; of its gradient.
  int64_t after = 0;       // Of the stage's output; of its gradient.
  int64_t version = 0;     // Of one version of the weights beside the newest.
};

// Follows the programs of a schedule and knows at each action which buffers
// are in use; see VerifyLowered for what counts how long.
//
// Requires a well-formed schedule. Ranks are followed one after another.
class BufferUse {
 public:
  // `bytes` has one entry per stage, or none when bytes do not matter.
  BufferUse(const Schedule& schedule, std::vector<StageBytes> bytes);

  // Forgets the rank that was followed before.
  void Begin(int rank);
  // Executes the next action of the rank's program, or the next two when
  // `next->overlaps_next`. Returns how many.
  size_t Execute(const Action* next);

  // The most bytes in use since Begin, of the rank's buffers.
  int64_t peak_bytes() const { return peak_bytes_; }
  // The peak numbers of a stage whose rank has been followed.
  StageBuffers Peaks(int stage) const;

 private:
  struct Counter {
    int now = 0;
    int peak = 0;
    int64_t bytes = 0;  // Of one.
  };
  struct Stage {
    Counter activations;
    Counter kept;
    Counter inputs;
    Counter outputs;
    Counter output_gradients;
    Counter input_gradients;
    Counter deferred;
    Counter stashed;  // Weight versions beside the newest.
    bool whole_backward = false;
    // Per version: the index, on its rank, of the last action that uses it.
    std::vector<size_t> last_use;
    int newest_version = 0;
  };

  void Take(Counter& counter);
  void Give(Counter& counter);
  void BeginAction(const Action& action, Stage& stage);
  void EndAction(const Action& action, Stage& stage);
  void Update(Stage& stage);
  void UseVersion(const Action& action, Stage& stage);

  const Schedule& schedule_;
  const Topology topology_;
  const RecomputedCells recomputed_;
  std::vector<Stage> stages_;
  // Of the rank that is followed.
  std::vector<Counter*> sent_;  // Given back after the next compute action.
  size_t index_ = 0;            // Of its next action.
  int64_t bytes_ = 0;
  int64_t peak_bytes_ = 0;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_BUFFER_USE_H_
