#ifndef COORDINATOR_PLANNER_SOLVE_PROBLEM_H_
#define COORDINATOR_PLANNER_SOLVE_PROBLEM_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// The input of Solve, as docs/plan_solve.md describes it field by field. Times
// are whole nanoseconds at speed 1, for one micro-batch; sizes are bytes.

struct LayerTimes {
  int64_t forward = 0;
  int64_t input_gradient = 0;
  int64_t weight_gradient = 0;

  int64_t total() const { return forward + input_gradient + weight_gradient; }

  friend bool operator==(const LayerTimes&, const LayerTimes&) = default;
};

struct SolveLayer {
  std::string name;
  std::map<int64_t, LayerTimes> times;  // By micro-batch size.
  int64_t parameter_bytes = 0;
  // Of one sample, between the layer's F and its last backward action.
  int64_t activation_bytes = 0;
  std::optional<int64_t> activation_recomputed_bytes;  // Unset: cannot be.
  int64_t boundary_bytes = 0;  // Of one sample's output.
};

struct SolveDevice {
  std::string name;
  int64_t memory_bytes = std::numeric_limits<int64_t>::max();
  int64_t speed_millionths = 1000000;
};

struct SolveLink {
  int64_t latency_ns = 0;
  double bytes_per_second = std::numeric_limits<double>::infinity();
};

// Between two devices, either way, instead of the default.
struct SolvePairLink {
  int first = 0;
  int second = 0;
  SolveLink link;
};

// What is to be as small as possible.
enum class SolveObjective {
  kMakespan,       // Of the step, simulated.
  kBottleneck,     // Time of the slowest stage, for one micro-batch.
  kOneFOneBBound,  // Sum of stage times + (m - 1) x the slowest's.
  kDeviceLoad,     // Time of the busiest device, for one micro-batch.
};

enum class SolveRecompute { kNever, kAuto, kAlways };

struct SolveProblem {
  SolveObjective objective = SolveObjective::kMakespan;
  std::vector<SolveLayer> layers;
  std::vector<SolveDevice> devices;
  SolveLink link;
  std::vector<SolvePairLink> pair_links;
  int64_t global_batch = 1;  // Samples of a step.

  // Each list holds what may be chosen from; empty: whatever makes sense.
  std::vector<int64_t> pipeline_widths;
  std::vector<int64_t> data_widths;
  std::vector<int64_t> stages_per_rank;
  std::vector<int64_t> micro_batch_sizes;
  std::vector<std::string> schedules;
  SolveRecompute recompute = SolveRecompute::kAuto;
  // A parameter's bytes come with this many times as many of each.
  double gradient_bytes_per_parameter_byte = 1;
  double optimizer_bytes_per_parameter_byte = 2;
  bool drop_devices = false;     // Need not use them all.
  bool reorder_devices = false;  // Any device may be any rank.
  // Bounds the search: actions simulated and stages tried.
  int64_t budget = 0;
};

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_PROBLEM_H_
