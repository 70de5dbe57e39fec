#ifndef COORDINATOR_PLANNER_SOLVE_SOLUTION_H_
#define COORDINATOR_PLANNER_SOLVE_SOLUTION_H_

#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

// How a pipeline is laid out and run.
struct SolveChoice {
  std::string schedule;  // Empty for objectives that have none.
  int64_t pipeline = 1;
  int64_t data = 1;
  int64_t stages_per_rank = 1;
  int64_t micro_batch_size = 1;
  int64_t micro_batches = 1;  // Per replica and step.

  friend bool operator==(const SolveChoice&, const SolveChoice&) = default;
};

// The layers [begin, end) on one rank.
struct SolvedStage {
  int64_t begin = 0;
  int64_t end = 0;
  int copy = 0;  // Of the model; bidirectional schedules hold two.
  int rank = 0;
  int64_t in_flight = 0;            // Micro-batches held at once.
  std::vector<int64_t> recomputed;  // Layers that are run forward twice.
  int64_t ticks = 0;  // For one micro-batch, recomputing included.
};

struct SolvedRank {
  std::vector<int> devices;  // One per replica.
  int64_t memory_bytes = 0;
  int64_t memory_limit_bytes = 0;  // The least of its devices'.
};

// One proof, by a function that knows nothing of the search.
struct SolveCheck {
  std::string name;
  bool holds = false;
  std::string detail;
};

// What became of one way to run the model that was not chosen.
struct SolveAlternative {
  SolveChoice choice;
  bool has_value = false;
  double value_us = 0;
  std::string reason;
};

struct Solution {
  SolveChoice choice;
  std::vector<SolvedStage> stages;  // In model order, copy by copy.
  std::vector<SolvedRank> ranks;
  std::string value;  // Exact, in microseconds: "12" or "19/4".
  double value_us = 0;
  double lower_bound_us = 0;
  double gap = 0;              // value / lower bound - 1.
  bool optimal = false;        // Nothing that the problem allows is better.
  bool exact = true;           // Times were not rounded.
  double bubble_fraction = 0;  // Of the makespan, when that is the objective.
  std::vector<SolveCheck> certificate;
  std::vector<SolveAlternative> alternatives;
  int64_t work = 0;  // Of the budget.
  int64_t budget = 0;
};

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_SOLUTION_H_
