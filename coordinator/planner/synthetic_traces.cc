#include "coordinator/planner/synthetic_traces.h"

#include <cmath>
#include <utility>

#include "coordinator/planner/planner.h"
#include "coordinator/schedule/simulate.h"
#include "proto/base/check.h"

namespace penstock {
namespace {

uint32_t Microseconds(double seconds) {
  return static_cast<uint32_t>(std::lround(seconds * 1e6));
}

}  // namespace

std::vector<StepTrace> MakeTraces(const Plan& plan,
                                  const SyntheticSteps& steps) {
  const auto simulation =
      Simulate(ScheduleOf(plan), steps.costs, {.record_actions = true});
  PENSTOCK_CHECK(simulation.ok());
  std::vector<StepTrace> traces;
  int pass = 0;
  for (int i = 0; i < steps.steps; ++i) {
    const double start =
        1000 + i * (simulation->makespan + steps.between_steps);
    for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
      const int64_t ahead_us =
          steps.clocks_us.empty() ? 0 : steps.clocks_us[rank];
      StepTrace trace{.step = steps.first_step + i,
                      .rank = static_cast<int>(rank),
                      .revision = plan.revision,
                      .start_us = std::lround(start * 1e6) + ahead_us};
      for (size_t k = 0; k < simulation->actions[rank].size(); ++k) {
        const ActionTime& action = simulation->actions[rank][k];
        trace.begin_us.push_back(Microseconds(action.start));
        trace.end_us.push_back(Microseconds(action.end));
        const bool slow =
            plan.ranks[rank].program[k].kind == ActionKind::kBackward &&
            plan.ranks[rank].program[k].stage == 0 && steps.slow_every > 0 &&
            ++pass % steps.slow_every == 0;
        if (slow) {
          trace.end_us.back() += 9 * Microseconds(action.end - action.start);
        }
      }
      traces.push_back(std::move(trace));
    }
  }
  return traces;
}

Plan SleepingPlan(int ranks, int microbatches, const std::string& schedule,
                  double optimism) {
  JobSpec spec;
  spec.name = "sleeper";
  spec.model.architecture =
      SimModel{.layers = ranks,
               .forward_us = std::lround(2000 * optimism),
               .input_gradient_us = std::lround(3000 * optimism),
               .weight_gradient_us = std::lround(1000 * optimism)};
  spec.batch.micro_batches = microbatches;
  spec.parallelism = {.pipeline = ranks, .data = 1, .schedule = schedule};
  spec.steps = 100;
  const auto plan = MakePlan(
      spec, std::vector<DeviceShape>(ranks, {.memory_bytes = int64_t{1} << 32,
                                             .flops_per_second = 1e11}));
  PENSTOCK_CHECK(plan.ok());
  return *plan;
}

ScheduleCosts SleepingCosts(int ranks, double hop) {
  ScheduleCosts costs;
  costs.stages.assign(
      ranks,
      {.forward = 2e-3, .input_gradient = 3e-3, .weight_gradient = 1e-3});
  costs.hops.assign(ranks - 1, {.latency = hop});
  costs.optimizer.assign(ranks, 1e-3);
  return costs;
}

Profile ProfileOf(const Plan& plan, const SyntheticSteps& steps) {
  const auto profile =
      MeasureProfile(plan, PlanCosts(plan), MakeTraces(plan, steps));
  PENSTOCK_CHECK(profile.ok());
  return *profile;
}

}  // namespace penstock
