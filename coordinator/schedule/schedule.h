#ifndef COORDINATOR_SCHEDULE_SCHEDULE_H_
#define COORDINATOR_SCHEDULE_SCHEDULE_H_

#include <string>
#include <vector>

#include "proto/action.h"

namespace penstock {

// What every rank of one pipeline does in one step.
//
// Compute-only, as generators make it, a schedule has just F, B, I, W, R and
// UPDATE, and the transfers between stages follow from them. Lowered (see
// lower.h), it has all that the executors do.
//
// A bidirectional schedule holds the model `copies` times: copy c has the
// stages [c, c + 1) x stages_per_copy(), in model order, and the micro-batches
// [c, c + 1) x microbatches / copies, which run through no other copy. Both
// divide without rest.
//
// With `pieces` > 1 each micro-batch's sequence is cut into pieces: F of a
// piece also needs F of the piece before on its stage, B of a piece also B of
// the piece after.
struct Schedule {
  int microbatches = 0;
  std::vector<int> rank_of_stage;  // Index: stage.
  // programs[r] is the program of rank r, executed in order.
  std::vector<std::vector<Action>> programs;
  int copies = 1;
  int pieces = 1;

  int stages() const { return static_cast<int>(rank_of_stage.size()); }
  int ranks() const { return static_cast<int>(programs.size()); }

  int stages_per_copy() const { return stages() / copies; }
  int CopyOf(int stage) const { return stage / stages_per_copy(); }
  // Which slice of the model the stage holds.
  int SliceOf(int stage) const { return stage % stages_per_copy(); }
  bool IsFirst(int stage) const { return SliceOf(stage) == 0; }
  bool IsLast(int stage) const {
    return SliceOf(stage) == stages_per_copy() - 1;
  }

  int microbatches_per_copy() const { return microbatches / copies; }
  // The micro-batches of a stage are this one and the next
  // microbatches_per_copy() - 1.
  int FirstMicrobatch(int stage) const {
    return CopyOf(stage) * microbatches_per_copy();
  }
};

// One line per rank, actions separated by spaces. The form of tests/golden.
std::string ToString(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SCHEDULE_H_
