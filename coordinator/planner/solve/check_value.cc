#include "coordinator/planner/solve/check_value.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planner/solve/copy_reduction.h"
#include "coordinator/planner/solve/links.h"
#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/verify.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

double SpeedOf(const SolveProblem& problem, const SolvedRank& rank) {
  int64_t slowest = problem.devices[rank.devices[0]].speed_millionths;
  for (const int device : rank.devices) {
    slowest = std::min(slowest, problem.devices[device].speed_millionths);
  }
  return static_cast<double>(slowest) / 1e6;
}

// Microseconds of one micro-batch.
StageTimes TimesOf(const SolveProblem& problem, const Solution& solution,
                   const SolvedStage& stage) {
  StageTimes times;
  double parameters = 0;
  for (int64_t index = stage.begin; index < stage.end; ++index) {
    const SolveLayer& layer = problem.layers[index];
    const LayerTimes& layer_times =
        layer.times.at(solution.choice.micro_batch_size);
    const bool again = std::binary_search(stage.recomputed.begin(),
                                          stage.recomputed.end(), index);
    times.forward += static_cast<double>(layer_times.forward);
    times.input_gradient += static_cast<double>(
        layer_times.input_gradient + (again ? layer_times.forward : 0));
    times.weight_gradient += static_cast<double>(layer_times.weight_gradient);
    parameters += static_cast<double>(layer.parameter_bytes);
  }
  const SolvedRank& rank = solution.ranks[stage.rank];
  const double divisor = 1000 * SpeedOf(problem, rank);
  times.forward /= divisor;
  times.input_gradient /= divisor;
  times.weight_gradient /= divisor;
  times.reduce =
      ReduceTimeOf(problem, rank.devices,
                   parameters * problem.gradient_bytes_per_parameter_byte) /
      1000;
  return times;
}

double Total(const StageTimes& times) {
  return times.forward + times.input_gradient + times.weight_gradient;
}

Hop HopAfter(const SolveProblem& problem, const Solution& solution,
             size_t stage) {
  const SolvedStage& from = solution.stages[stage];
  const SolvedStage& to = solution.stages[stage + 1];
  const SolveLink link = LinkBetween(problem, solution.ranks[from.rank].devices,
                                     solution.ranks[to.rank].devices);
  const int64_t bytes = problem.layers[from.end - 1].boundary_bytes *
                        solution.choice.micro_batch_size;
  return {.latency = static_cast<double>(link.latency_ns) / 1000,
          .occupancy = OccupancyOf(link, bytes) / 1000};
}

absl::StatusOr<double> MakespanOf(const SolveProblem& problem,
                                  const Solution& solution,
                                  std::vector<StageTimes> times) {
  const SolveChoice& choice = solution.choice;
  ScheduleCosts costs{
      .stages = std::move(times),
      .tied =
          CopyReductionTimeOf(problem, solution.stages, solution.ranks) / 1000};
  for (size_t i = 0; i + 1 < solution.stages.size(); ++i) {
    costs.hops.push_back(HopAfter(problem, solution, i));
  }
  ASSIGN_OR_RETURN(
      Schedule schedule,
      Generate(choice.schedule,
               {.ranks = static_cast<int>(choice.pipeline),
                .microbatches = static_cast<int>(choice.micro_batches),
                .stages_per_rank = static_cast<int>(choice.stages_per_rank),
                .costs = costs}));
  RETURN_IF_ERROR(VerifyCompute(schedule));
  if (choice.data > 1 || schedule.copies > 1) {
    ASSIGN_OR_RETURN(schedule,
                     Lower(schedule, {.reduce_gradients = choice.data > 1}));
  }
  ASSIGN_OR_RETURN(const Simulation simulation, Simulate(schedule, costs));
  return simulation.makespan;
}

absl::StatusOr<double> ValueOf(const SolveProblem& problem,
                               const Solution& solution) {
  std::vector<StageTimes> times;
  std::vector<double> load(solution.ranks.size());
  double sum = 0;
  double slowest = 0;
  for (const SolvedStage& stage : solution.stages) {
    times.push_back(TimesOf(problem, solution, stage));
    const double total = Total(times.back());
    sum += total;
    slowest = std::max(slowest, total);
    load[stage.rank] += total;
  }
  switch (problem.objective) {
    case SolveObjective::kBottleneck:
      return slowest;
    case SolveObjective::kOneFOneBBound:
      return sum +
             static_cast<double>(solution.choice.micro_batches - 1) * slowest;
    case SolveObjective::kDeviceLoad:
      return *std::max_element(load.begin(), load.end());
    case SolveObjective::kMakespan:
      break;
  }
  return MakespanOf(problem, solution, std::move(times));
}

}  // namespace

SolveCheck CheckValue(const SolveProblem& problem, const Solution& solution) {
  const absl::StatusOr<double> value = ValueOf(problem, solution);
  if (!value.ok()) {
    return {"value", false, std::string(value.status().message())};
  }
  // Transfers, and with odd speeds all times, are rounded to nanoseconds.
  const double tolerance = 1e-6 * *value + 1e-3;
  const bool holds = std::abs(*value - solution.value_us) <= tolerance &&
                     solution.lower_bound_us <= *value + tolerance;
  return {"value", holds, fmt::format("{:.9g} us, worked out again", *value)};
}

}  // namespace penstock
