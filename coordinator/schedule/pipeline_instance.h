#ifndef COORDINATOR_SCHEDULE_PIPELINE_INSTANCE_H_
#define COORDINATOR_SCHEDULE_PIPELINE_INSTANCE_H_

#include <algorithm>
#include <array>
#include <vector>

#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// What one micro-batch occupies on one stage, in any one unit.
struct ActivationMemory {
  double activation = 1;  // From the start of F to the end of I or B.
  // From the end of I to the end of W: what W needs of it; <= activation.
  double weight_input = 1;
};

// One placement with its times and memory: what a schedule is searched for.
struct PipelineInstance {
  int ranks = 0;
  int microbatches = 0;  // Of all copies together.
  int copies = 1;        // See Schedule.
  std::vector<int> rank_of_stage;
  ScheduleCosts costs;
  std::vector<ActivationMemory> memory;  // Per stage.
  std::vector<double> memory_max;        // Per rank.

  int stages() const { return static_cast<int>(rank_of_stage.size()); }
  int stages_per_copy() const { return stages() / copies; }
  int microbatches_per_copy() const { return microbatches / copies; }
  bool IsFirst(int stage) const { return stage % stages_per_copy() == 0; }
  bool IsLast(int stage) const { return IsFirst(stage + 1); }
  int FirstMicrobatch(int stage) const {
    return stage / stages_per_copy() * microbatches_per_copy();
  }
  // Whether what `stage` makes for `stage` + 1 travels between ranks.
  bool Crosses(int stage) const {
    return rank_of_stage[stage] != rank_of_stage[stage + 1];
  }
};

// The directed edge between two ranks that carries what `stage` gets from the
// stage before ([0]) and after ([1]), counting edges from 0; -1 for none.
// Stages whose neighbours are on the same ranks share an edge.
std::vector<std::array<int, 2>> EdgesInto(const PipelineInstance& instance);

// Whether `programs` keep to the instance's memory, in the order of their
// actions.
bool KeepsToMemory(const PipelineInstance& instance,
                   const std::vector<std::vector<Action>>& programs);

// How long a schedule takes, and how good that is: less is better.
enum class Objective {
  kMakespan,  // From the first action of any rank to the last.
  // The zero-bubble papers': the longest time of one rank from its first
  // action to its last; counts when steps follow without waiting for all.
  kSpan,
};

struct ListTimes {
  double makespan = 0;
  double span = 0;
  double span_mean = 0;  // Over ranks.

  // One of `ranks` ranks, from the start of its first action to the end of its
  // last.
  void Add(double start, double end, int ranks) {
    makespan = std::max(makespan, end);
    span = std::max(span, end - start);
    span_mean += (end - start) / ranks;
  }

  // The objective and, as ties, the other measures.
  double Value(Objective objective) const {
    constexpr double kTie = 1e-4;
    const double first = objective == Objective::kSpan ? span : makespan;
    const double second = objective == Objective::kSpan ? makespan : span;
    return first + kTie * (second + kTie * span_mean);
  }
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_PIPELINE_INSTANCE_H_
