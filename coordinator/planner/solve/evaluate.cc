#include "coordinator/planner/solve/evaluate.h"

#include <algorithm>
#include <utility>

#include "coordinator/planner/solve/copy_reduction.h"
#include "coordinator/planner/solve/in_flight.h"
#include "coordinator/planner/solve/links.h"
#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/simulate.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

ScheduleRequest RequestOf(const SolveChoice& choice) {
  return {.ranks = static_cast<int>(choice.pipeline),
          .microbatches = static_cast<int>(choice.micro_batches),
          .stages_per_rank = static_cast<int>(choice.stages_per_rank)};
}

int64_t ActionsOf(const Schedule& schedule) {
  int64_t actions = 0;
  for (const auto& program : schedule.programs) {
    actions += static_cast<int64_t>(program.size());
  }
  return actions;
}

Hop HopBetween(const SolveProblem& problem, const TickScale& scale,
               const SolvedStage& stage, const LaidOut& laid_out, int next_rank,
               int64_t micro_batch_size) {
  const SolveLink link =
      LinkBetween(problem, laid_out.ranks[stage.rank].devices,
                  laid_out.ranks[next_rank].devices);
  const int64_t bytes =
      problem.layers[stage.end - 1].boundary_bytes * micro_batch_size;
  return {
      .latency =
          static_cast<double>(scale.Time(static_cast<double>(link.latency_ns))),
      .occupancy = static_cast<double>(scale.Time(OccupancyOf(link, bytes)))};
}

ScheduleCosts CostsOf(const SolveProblem& problem, const TickScale& scale,
                      const LaidOut& laid_out, int64_t micro_batch_size) {
  const auto& stages = laid_out.stages;
  ScheduleCosts costs{
      .tied = static_cast<double>(
          scale.Time(CopyReductionTimeOf(problem, stages, laid_out.ranks)))};
  for (size_t i = 0; i < stages.size(); ++i) {
    const StageTicks& times = laid_out.times[i];
    double parameters = 0;
    for (int64_t layer = stages[i].begin; layer < stages[i].end; ++layer) {
      parameters += static_cast<double>(problem.layers[layer].parameter_bytes);
    }
    costs.stages.push_back(
        {.forward = static_cast<double>(times.forward),
         .input_gradient = static_cast<double>(times.input_gradient),
         .weight_gradient = static_cast<double>(times.weight_gradient),
         .reduce = static_cast<double>(scale.Time(ReduceTimeOf(
             problem, laid_out.ranks[stages[i].rank].devices,
             parameters * problem.gradient_bytes_per_parameter_byte)))});
    if (i + 1 < stages.size()) {
      costs.hops.push_back(HopBetween(problem, scale, stages[i], laid_out,
                                      stages[i + 1].rank, micro_batch_size));
    }
  }
  return costs;
}

// With reductions where there are replicas or copies.
absl::StatusOr<Simulation> SimulateStep(const Schedule& schedule,
                                        const ScheduleCosts& costs,
                                        int64_t replicas, int64_t& actions) {
  actions += 2 * ActionsOf(schedule);
  if (replicas == 1 && schedule.copies == 1) return Simulate(schedule, costs);
  ASSIGN_OR_RETURN(const Schedule lowered,
                   Lower(schedule, {.reduce_gradients = replicas > 1}));
  actions += 2 * ActionsOf(lowered);
  return Simulate(lowered, costs);
}

}  // namespace

absl::StatusOr<Schedule> ScheduleOf(const SolveChoice& choice) {
  return Generate(choice.schedule, RequestOf(choice));
}

absl::StatusOr<Schedule> ScheduleOf(const SolveChoice& choice,
                                    const ScheduleCosts& costs) {
  ScheduleRequest request = RequestOf(choice);
  request.costs = costs;
  return Generate(choice.schedule, request);
}

absl::StatusOr<Evaluation> Evaluate(
    const SolveProblem& problem, const StageModel& model,
    const TickScale& scale, const SolveChoice& choice, const Schedule& shape,
    const PipelinePoint& point, int64_t& actions) {
  const RecomputeRule rule = {.policy = problem.recompute,
                              .counts_workspace = true};
  Layout layout = {.cuts = point.cuts,
                   .rank_of_stage = shape.rank_of_stage,
                   .copies = shape.copies,
                   .in_flight = InFlightOf(shape),
                   .devices = point.devices};
  Evaluation result;
  ASSIGN_OR_RETURN(result.laid_out,
                   LayOut(problem, model, scale, rule, layout));
  ScheduleCosts costs =
      CostsOf(problem, scale, result.laid_out, choice.micro_batch_size);
  ASSIGN_OR_RETURN(const Schedule schedule, ScheduleOf(choice, costs));
  const std::vector<int64_t> in_flight = InFlightOf(schedule);
  if (in_flight != layout.in_flight) {
    layout.in_flight = in_flight;
    ASSIGN_OR_RETURN(result.laid_out,
                     LayOut(problem, model, scale, rule, layout));
    costs = CostsOf(problem, scale, result.laid_out, choice.micro_batch_size);
  }
  ASSIGN_OR_RETURN(const Simulation simulation,
                   SimulateStep(schedule, costs, choice.data, actions));
  result.makespan = simulation.makespan;
  result.busy_max =
      *std::max_element(simulation.busy.begin(), simulation.busy.end());
  result.bubble_fraction = simulation.bubble_fraction_makespan;
  return result;
}

}  // namespace penstock
