#ifndef COORDINATOR_SCHEDULE_SCHEDULE_H_
#define COORDINATOR_SCHEDULE_SCHEDULE_H_

#include <string>
#include <vector>

#include "proto/action.h"

namespace penstock {

// The size of one pipeline with one stage per rank. A struct, because two ints
// in a parameter list are two ints in the wrong order sooner or later.
struct PipelineShape {
  int stages = 0;        // S >= 1.
  int microbatches = 0;  // M >= 1, per step.
};

// What every rank of one pipeline does in one step.
//
// Compute-only, as generators make it, a schedule has just F, B, I and W, and
// the transfers between stages follow from them. Lowered (see lower.h), it has
// all that the executors do.
struct Schedule {
  int microbatches = 0;
  std::vector<int> rank_of_stage;  // Index: stage.
  // programs[r] is the program of rank r, executed in order.
  std::vector<std::vector<Action>> programs;

  int stages() const { return static_cast<int>(rank_of_stage.size()); }
  int ranks() const { return static_cast<int>(programs.size()); }
};

// One line per rank, actions separated by spaces. The form of tests/golden.
std::string ToString(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SCHEDULE_H_
