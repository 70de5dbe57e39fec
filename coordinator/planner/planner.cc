#include "coordinator/planner/planner.h"

#include <algorithm>
#include <utility>

#include "coordinator/planner/fit.h"
#include "coordinator/planner/memory_forecast.h"
#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/verify.h"
#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status CheckDevices(const JobSpec& spec,
                          const std::vector<DeviceShape>& devices) {
  const int64_t ranks = spec.parallelism.pipeline;
  const int64_t needed = ranks * spec.parallelism.data;
  if (ranks > UnitCount(spec.model)) {
    return absl::InvalidArgumentError(fmt::format(
        "parallelism.pipeline: {}: the model can be cut into at most {} stages",
        ranks, UnitCount(spec.model)));
  }
  if (static_cast<int64_t>(devices.size()) != needed) {
    return absl::InvalidArgumentError(
        fmt::format("{} devices for a job of {} x {} ranks", devices.size(),
                    spec.parallelism.data, ranks));
  }
  for (const DeviceShape& device : devices) {
    if (SpeedOf(spec, device) > 0) continue;
    return absl::InvalidArgumentError(
        fmt::format("a device reports {} operations a second; its worker must "
                    "measure them",
                    device.flops_per_second));
  }
  return absl::OkStatus();
}

// Per rank, the least of its devices in all replicas.
std::vector<DeviceShape> LeastDevices(const std::vector<DeviceShape>& devices,
                                      int64_t ranks) {
  std::vector<DeviceShape> least(devices.begin(), devices.begin() + ranks);
  for (size_t i = ranks; i < devices.size(); ++i) {
    DeviceShape& device = least[i % ranks];
    device.memory_bytes =
        std::min(device.memory_bytes, devices[i].memory_bytes);
    device.flops_per_second =
        std::min(device.flops_per_second, devices[i].flops_per_second);
  }
  return least;
}

// Speeds are measured on machines that do other things meanwhile, which only
// ever makes them look slower: devices that differ by less than this factor are
// taken to be as fast as the fastest of them.
constexpr double kSpeedNoise = 1.5;

void EvenOutSpeeds(std::vector<DeviceShape>& devices) {
  double low = devices[0].flops_per_second;
  double high = low;
  for (const DeviceShape& device : devices) {
    low = std::min(low, device.flops_per_second);
    high = std::max(high, device.flops_per_second);
  }
  if (high > kSpeedNoise * low) return;
  for (DeviceShape& device : devices) device.flops_per_second = high;
}

absl::StatusOr<Schedule> LoweredSchedule(const JobSpec& spec) {
  const ScheduleRequest shape{
      .ranks = static_cast<int>(spec.parallelism.pipeline),
      .microbatches = static_cast<int>(spec.batch.micro_batches)};
  ASSIGN_OR_RETURN(const Schedule schedule,
                   Generate(spec.parallelism.schedule, shape));
  const auto* gpt2 = std::get_if<Gpt2Config>(&spec.model.architecture);
  return Lower(schedule,
               {.reduce_gradients = spec.parallelism.data > 1,
                .reduce_tied = gpt2 != nullptr && gpt2->tied_embeddings});
}

absl::Duration Seconds(double operations, double speed) {
  return absl::Seconds(operations / speed);
}

StagePlan MakeStage(const std::vector<UnitTimes>& times, double speed,
                    int64_t begin, int64_t end, int rank) {
  UnitTimes sum;
  for (int64_t unit = begin; unit < end; ++unit) {
    sum.forward += times[unit].forward;
    sum.input_gradient += times[unit].input_gradient;
    sum.weight_gradient += times[unit].weight_gradient;
  }
  return {.unit_begin = begin,
          .unit_end = end,
          .rank = rank,
          .forward = Seconds(sum.forward, speed),
          .input_gradient = Seconds(sum.input_gradient, speed),
          .weight_gradient = Seconds(sum.weight_gradient, speed)};
}

// Complete, disjoint, ordered, non-empty, and within each rank's memory: what a
// plan is worth nothing without.
void CheckInvariants(const Plan& plan,
                     const std::vector<DeviceShape>& devices) {
  int64_t unit = 0;
  for (const StagePlan& stage : plan.stages) {
    PENSTOCK_CHECK(stage.unit_begin == unit && stage.unit_end > unit);
    unit = stage.unit_end;
  }
  PENSTOCK_CHECK(unit == UnitCount(plan.spec.model));
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    PENSTOCK_CHECK(plan.ranks[rank].memory.total() <=
                   devices[rank].memory_bytes);
  }
}

}  // namespace

absl::StatusOr<Simulation> SimulatePlan(const Plan& plan,
                                        const LinkShape& link) {
  Schedule schedule{.microbatches =
                        static_cast<int>(plan.spec.batch.micro_batches)};
  ScheduleCosts costs;
  for (const StagePlan& stage : plan.stages) {
    schedule.rank_of_stage.push_back(stage.rank);
    costs.stages.push_back(
        {.forward = absl::ToDoubleSeconds(stage.forward),
         .input_gradient = absl::ToDoubleSeconds(stage.input_gradient),
         .weight_gradient = absl::ToDoubleSeconds(stage.weight_gradient),
         .reduce = ReduceTime(link, plan.ranks[stage.rank].memory.gradients,
                              plan.spec.parallelism.data)});
  }
  for (const RankPlan& rank : plan.ranks) {
    schedule.programs.push_back(rank.program);
    costs.optimizer.push_back(OptimizerTime(rank.memory.weights));
  }
  costs.hops.assign(
      plan.stages.size() - 1,
      Hop{.latency = TransferTime(link, BoundaryBytes(plan.spec))});
  if (plan.ranks.size() > 1) {
    costs.tied = TransferTime(link, MemoryOfModel(plan.spec).tied);
  }
  return Simulate(schedule, costs, {.record_actions = true});
}

absl::StatusOr<Plan> MakePlan(const JobSpec& spec,
                              const std::vector<DeviceShape>& devices,
                              const LinkShape& link) {
  RETURN_IF_ERROR(CheckDevices(spec, devices));
  std::vector<DeviceShape> least =
      LeastDevices(devices, spec.parallelism.pipeline);
  EvenOutSpeeds(least);
  ASSIGN_OR_RETURN(Schedule schedule, LoweredSchedule(spec));
  ASSIGN_OR_RETURN(const auto buffers, VerifyLowered(schedule));
  ASSIGN_OR_RETURN(const std::vector<int64_t> cuts,
                   PartitionToFit(spec, least, buffers));

  Plan plan{.spec = spec};
  const std::vector<UnitTimes> times = TimesOfUnits(spec);
  const ModelMemory memory = MemoryOfModel(spec);
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    StageMemory stage(memory);
    for (int64_t unit = cuts[rank]; unit < cuts[rank + 1]; ++unit) {
      stage.Add(unit);
    }
    plan.stages.push_back(MakeStage(times, SpeedOf(spec, least[rank]),
                                    cuts[rank], cuts[rank + 1], rank));
    plan.ranks.push_back({.program = std::move(schedule.programs[rank]),
                          .buffers = buffers[rank],
                          .memory = stage.Forecast(buffers[rank][0])});
  }
  CheckInvariants(plan, least);
  ASSIGN_OR_RETURN(const Simulation simulation, SimulatePlan(plan, link));
  plan.step_time = absl::Seconds(simulation.makespan);
  plan.bubble_fraction =
      std::clamp(simulation.bubble_fraction_makespan, 0.0, 1.0);
  return plan;
}

}  // namespace penstock
