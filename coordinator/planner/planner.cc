#include "coordinator/planner/planner.h"

#include <algorithm>
#include <utility>

#include "coordinator/planner/choose_links.h"
#include "coordinator/planner/choose_schedule.h"
#include "coordinator/planner/fit.h"
#include "coordinator/planner/fit_schedule.h"
#include "coordinator/planner/memory_forecast.h"
#include "coordinator/planner/schedule_of_job.h"
#include "coordinator/planner/search_plan.h"
#include "coordinator/schedule/explain_loss.h"
#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

absl::Status CheckDevices(const JobSpec& spec,
                          const std::vector<DeviceShape>& devices) {
  const int64_t ranks = spec.parallelism.pipeline;
  const int64_t needed = ranks * spec.parallelism.data;
  if (static_cast<int64_t>(devices.size()) != needed) {
    return absl::InvalidArgumentError(
        fmt::format("{} devices for a job of {} x {} ranks", devices.size(),
                    spec.parallelism.data, ranks));
  }
  for (const DeviceShape& device : devices) {
    if (device.kind != devices[0].kind) {
      return absl::InvalidArgumentError(
          fmt::format("a {} and a {} device; a job takes one kind",
                      devices[0].kind, device.kind));
    }
    if (SpeedOf(spec, device) > 0) continue;
    return absl::InvalidArgumentError(
        fmt::format("a device reports {} operations a second; its worker must "
                    "measure them",
                    device.flops_per_second));
  }
  return absl::OkStatus();
}

// With the speeds that they have in the job's precision.
std::vector<DeviceShape> AtPrecision(const JobSpec& spec,
                                     std::vector<DeviceShape> devices) {
  if (spec.precision != Precision::kBf16) return devices;
  for (DeviceShape& device : devices) {
    if (device.bf16_flops_per_second > 0) {
      device.flops_per_second = device.bf16_flops_per_second;
    }
  }
  return devices;
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

// "pipeline 2 or stages_per_rank 3", as near to the job's as the model has
// units for and the schedule allows; "" for none.
std::string NearestLegal(const JobSpec& spec) {
  const int64_t units = UnitCount(spec.model);
  const auto search = [&](std::string_view field,
                          int64_t ParallelismSpec::*member,
                          int64_t below) -> std::string {
    JobSpec other = spec;
    for (int64_t value = below; value >= 1; --value) {
      other.parallelism.*member = value;
      const auto schedule = ScheduleOfJob(other, {});
      if (!schedule.ok() || schedule->slices() > units) continue;
      return fmt::format("parallelism.{} {}", field, value);
    }
    return "";
  };
  const int64_t ranks = spec.parallelism.pipeline;
  const std::string stages = search(
      "stages_per_rank", &ParallelismSpec::stages_per_rank, units / ranks);
  const std::string pipeline = search("pipeline", &ParallelismSpec::pipeline,
                                      std::min(ranks - 1, units));
  return stages + (stages.empty() || pipeline.empty() ? "" : " or ") + pipeline;
}

absl::Status CheckSlices(const JobSpec& spec, const JobSchedule& schedule) {
  const int64_t units = UnitCount(spec.model);
  if (schedule.slices() <= units) return absl::OkStatus();
  if (schedule.slices() == spec.parallelism.pipeline) {
    return absl::InvalidArgumentError(fmt::format(
        "parallelism.pipeline: {}: the model can be cut into at most {} stages",
        spec.parallelism.pipeline, units));
  }
  const std::string nearest = NearestLegal(spec);
  return absl::InvalidArgumentError(fmt::format(
      "parallelism.stages_per_rank: {}: schedule {} on {} ranks cuts the model "
      "into {} stages, and it can be cut into at most {}{}",
      schedule.slices() / spec.parallelism.pipeline, spec.parallelism.schedule,
      spec.parallelism.pipeline, schedule.slices(), units,
      nearest.empty() ? "" : fmt::format("; {} would do", nearest)));
}

std::vector<StagePlan> MakeStages(const JobSpec& spec,
                                  const std::vector<DeviceShape>& devices,
                                  const Schedule& schedule,
                                  const std::vector<int64_t>& cuts) {
  const std::vector<UnitTimes> times = TimesOfUnits(spec);
  std::vector<StagePlan> stages;
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    const int slice = schedule.SliceOf(stage);
    const int rank = schedule.rank_of_stage[stage];
    stages.push_back(MakeStage(times, SpeedOf(spec, devices[rank]), cuts[slice],
                               cuts[slice + 1], rank));
  }
  return stages;
}

// Seconds.
ScheduleCosts CostsOf(const JobSpec& spec, const std::vector<StagePlan>& stages,
                      int copies, int pieces, const LinkShape& link) {
  const ModelMemory model = MemoryOfModel(spec, copies, pieces);
  const size_t slices = stages.size() / static_cast<size_t>(copies);
  ScheduleCosts costs;
  std::vector<int64_t> weights(spec.parallelism.pipeline);
  int64_t largest = 0;
  for (const StagePlan& stage : stages) {
    int64_t bytes = 0;
    for (int64_t unit = stage.unit_begin; unit < stage.unit_end; ++unit) {
      bytes += model.units[unit].weights;
    }
    weights[stage.rank] += bytes;
    largest = std::max(largest, bytes);
    costs.stages.push_back(
        {.forward = absl::ToDoubleSeconds(stage.forward),
         .input_gradient = absl::ToDoubleSeconds(stage.input_gradient),
         .weight_gradient = absl::ToDoubleSeconds(stage.weight_gradient),
         .reduce = ReduceTime(link, bytes, spec.parallelism.data)});
  }
  const Hop forecast{.latency =
                         TransferTime(link, BoundaryBytes(spec, pieces))};
  for (size_t i = 0; i + 1 < stages.size(); ++i) {
    const Hop measured{
        .latency = absl::ToDoubleSeconds(stages[i].hop_latency),
        .occupancy = absl::ToDoubleSeconds(stages[i].hop_occupancy)};
    const bool known = measured.latency + measured.occupancy > 0;
    costs.hops.push_back(known ? measured : forecast);
  }
  if (copies > 1) {
    costs.tied = ReduceTime(link, largest, copies);
  } else if (stages.front().rank != stages[slices - 1].rank) {
    costs.tied = TransferTime(link, model.tied);
  }
  for (const int64_t bytes : weights) {
    costs.optimizer.push_back(OptimizerTime(spec, bytes));
  }
  return costs;
}

// Generators may work by the stages' times, and those follow from the cuts,
// which follow from the buffers that the schedule needs: the fastest cuts give
// the times first, then those that fit.
absl::StatusOr<PartitionedSchedule> MakeSchedule(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const LinkShape& link, int evaluations) {
  ScheduleOptions options{.evaluations = evaluations};
  ASSIGN_OR_RETURN(JobSchedule schedule, ScheduleOfJob(spec, options));
  RETURN_IF_ERROR(CheckSlices(spec, schedule));
  ASSIGN_OR_RETURN(std::vector<int64_t> cuts,
                   FastestPartition(spec, devices, schedule));
  const auto costs = [&](const std::vector<int64_t>& at) {
    return CostsOf(spec, MakeStages(spec, devices, schedule.schedule, at),
                   schedule.schedule.copies, schedule.schedule.pieces, link);
  };
  options.costs = costs(cuts);
  ASSIGN_OR_RETURN(PartitionedSchedule made,
                   FitSchedule(spec, devices, options));
  if (made.cuts == cuts) return made;
  options.costs = costs(made.cuts);
  auto again = FitSchedule(spec, devices, options);
  return again.ok() ? std::move(again) : std::move(made);
}

double OptimizerTimeMax(const Plan& plan) {
  double longest = 0;
  for (const RankPlan& rank : plan.ranks) {
    longest = std::max(longest, OptimizerTime(plan.spec, rank.memory.weights));
  }
  return longest;
}

std::vector<int64_t> CutsOf(const Plan& plan) {
  std::vector<int64_t> cuts = {0};
  for (int stage = 0; stage < StagesPerCopy(plan); ++stage) {
    cuts.push_back(plan.stages[stage].unit_end);
  }
  return cuts;
}

ScheduleCosts InMilliseconds(ScheduleCosts costs) {
  for (StageTimes& times : costs.stages) {
    for (double* time :
         {&times.forward, &times.input_gradient, &times.weight_gradient,
          &times.overlapped_pair, &times.recompute, &times.reduce}) {
      *time *= 1e3;
    }
  }
  for (Hop& hop : costs.hops) {
    hop.latency *= 1e3;
    hop.occupancy *= 1e3;
  }
  for (double& time : costs.optimizer) time *= 1e3;
  costs.tied *= 1e3;
  return costs;
}

// Complete, disjoint, ordered, non-empty, and within each rank's memory: what a
// plan is worth nothing without.
void CheckInvariants(const Plan& plan,
                     const std::vector<DeviceShape>& devices) {
  const size_t slices = plan.stages.size() / static_cast<size_t>(plan.copies);
  int64_t unit = 0;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const StagePlan& stage = plan.stages[i];
    if (i % slices == 0) unit = 0;
    PENSTOCK_CHECK(stage.unit_begin == unit && stage.unit_end > unit);
    unit = stage.unit_end;
  }
  PENSTOCK_CHECK(unit == UnitCount(plan.spec.model));
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    PENSTOCK_CHECK(plan.ranks[rank].memory.total() <=
                   devices[rank].memory_bytes);
  }
}

absl::StatusOr<Plan> PlanOf(const JobSpec& spec,
                            const std::vector<DeviceShape>& devices,
                            const LinkShape& link, PartitionedSchedule made) {
  Schedule& schedule = made.schedule.schedule;
  Plan plan{.spec = spec,
            .stages = MakeStages(spec, devices, schedule, made.cuts),
            .copies = schedule.copies,
            .pieces = schedule.pieces,
            .schedule = spec.parallelism.schedule};
  const ModelMemory model =
      MemoryOfModel(spec, schedule.copies, schedule.pieces);
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    plan.ranks.push_back(
        {.program = std::move(schedule.programs[rank]),
         .buffers = made.schedule.buffers[rank],
         .memory = ForecastRank(model, made.schedule, rank, made.cuts)});
  }
  CheckInvariants(plan, devices);
  ASSIGN_OR_RETURN(const Simulation simulation, SimulatePlan(plan, link));
  // Where updates do not wait, the ranks' steps begin and end as skewed as they
  // are long: a step takes the longest span and that rank's update.
  const bool skewed = spec.parallelism.optimistic_update;
  plan.step_time =
      absl::Seconds(skewed ? simulation.span_max + OptimizerTimeMax(plan)
                           : simulation.makespan);
  plan.bubble_fraction =
      std::clamp(skewed ? simulation.bubble_fraction_span
                        : simulation.bubble_fraction_makespan,
                 0.0, 1.0);
  return plan;
}

absl::StatusOr<Plan> PlanNamedSchedule(const JobSpec& spec,
                                       const std::vector<DeviceShape>& devices,
                                       const LinkShape& link,
                                       int evaluations = 0) {
  ASSIGN_OR_RETURN(PartitionedSchedule made,
                   MakeSchedule(spec, devices, link, evaluations));
  return PlanOf(spec, devices, link, std::move(made));
}

// `plan` under other programs for its stages.
absl::StatusOr<Plan> PlanPrograms(const Plan& plan,
                                  std::vector<std::vector<Action>> programs,
                                  const std::vector<DeviceShape>& devices,
                                  const LinkShape& link) {
  Schedule compute = ScheduleOf(plan);
  compute.programs = std::move(programs);
  PartitionedSchedule made{.cuts = CutsOf(plan)};
  ASSIGN_OR_RETURN(made.schedule, LowerForJob(plan.spec, compute));
  const ModelMemory model = MemoryOfModel(plan.spec, plan.copies, plan.pieces);
  for (int rank = 0; rank < compute.ranks(); ++rank) {
    if (ForecastRank(model, made.schedule, rank, made.cuts).total() >
        devices[rank].memory_bytes) {
      return absl::FailedPreconditionError("it needs more memory");
    }
  }
  ASSIGN_OR_RETURN(Plan other,
                   PlanOf(plan.spec, devices, link, std::move(made)));
  other.schedule = kSynthesized;
  return other;
}

// What one micro-batch saves on a stage, and what W needs besides.
struct PassMemory {
  int64_t saved = 0;
  int64_t deferred = 0;
};

PassMemory MemoryOfPass(const ModelMemory& model, const StagePlan& stage) {
  const int64_t inner =
      (stage.unit_end - stage.unit_begin - 1) * model.boundary;
  PassMemory memory{inner, inner};
  for (int64_t unit = stage.unit_begin; unit < stage.unit_end; ++unit) {
    memory.saved += model.units[unit].saved;
    memory.deferred += model.units[unit].deferred;
  }
  return memory;
}

// A micro-batch counts until the end of W with all that it ever needs: its
// input and its gradient, too. The devices have for that what the plan uses for
// it and what it leaves.
PipelineInstance InstanceOf(const Plan& plan,
                            const std::vector<DeviceShape>& devices,
                            const LinkShape& link) {
  PipelineInstance instance{
      .ranks = static_cast<int>(plan.ranks.size()),
      .microbatches = static_cast<int>(plan.spec.batch.micro_batches),
      .copies = plan.copies,
      .costs = PlanCosts(plan, link)};
  const ModelMemory model = MemoryOfModel(plan.spec, plan.copies, plan.pieces);
  for (const StagePlan& stage : plan.stages) {
    instance.rank_of_stage.push_back(stage.rank);
    const PassMemory memory = MemoryOfPass(model, stage);
    const double bytes = static_cast<double>(std::max<int64_t>(
        memory.saved + memory.deferred + 2 * model.boundary, 1));
    instance.memory.push_back({bytes, bytes});
  }
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    const RankPlan& planned = plan.ranks[rank];
    int64_t bytes = devices[rank].memory_bytes - planned.memory.total() +
                    planned.memory.activations;
    for (const StageBuffers& buffers : planned.buffers) {
      bytes += buffers.deferred *
               MemoryOfPass(model, plan.stages[buffers.stage]).deferred;
      bytes += (buffers.inputs + buffers.output_gradients) * model.boundary;
    }
    instance.memory_max.push_back(static_cast<double>(bytes));
  }
  return instance;
}

absl::StatusOr<Plan> ChooseForJob(const JobSpec& spec,
                                  const std::vector<DeviceShape>& devices,
                                  const LinkShape& link) {
  return ChooseSchedule(
      spec, {.named =
                 [&](const JobSpec& named, int evaluations) {
                   return PlanNamedSchedule(named, devices, link, evaluations);
                 },
             .search = {.instance =
                            [&](const Plan& plan) {
                              return InstanceOf(plan, devices, link);
                            },
                        .with_programs =
                            [&](const Plan& plan,
                                std::vector<std::vector<Action>> programs) {
                              return PlanPrograms(plan, std::move(programs),
                                                  devices, link);
                            }},
             .explain =
                 [&](const Plan& winner, const Plan& loser) {
                   return ExplainLoss(ScheduleOf(winner),
                                      InMilliseconds(PlanCosts(winner, link)),
                                      ScheduleOf(loser),
                                      InMilliseconds(PlanCosts(loser, link)),
                                      " ms");
                 }});
}

}  // namespace

Schedule ScheduleOf(const Plan& plan) {
  Schedule schedule{
      .microbatches = static_cast<int>(plan.spec.batch.micro_batches),
      .copies = plan.copies,
      .pieces = plan.pieces};
  for (const StagePlan& stage : plan.stages) {
    schedule.rank_of_stage.push_back(stage.rank);
  }
  for (const RankPlan& rank : plan.ranks) {
    schedule.programs.push_back(rank.program);
  }
  return schedule;
}

ScheduleCosts PlanCosts(const Plan& plan, const LinkShape& link) {
  return CostsOf(plan.spec, plan.stages, plan.copies, plan.pieces, link);
}

absl::StatusOr<Simulation> SimulatePlan(const Plan& plan,
                                        const LinkShape& link) {
  return Simulate(ScheduleOf(plan), PlanCosts(plan, link),
                  {.record_actions = true});
}

absl::StatusOr<Plan> MakePlan(const JobSpec& spec,
                              const std::vector<DeviceShape>& devices,
                              const LinkShape& link) {
  RETURN_IF_ERROR(CheckDevices(spec, devices));
  std::vector<DeviceShape> least =
      LeastDevices(AtPrecision(spec, devices), spec.parallelism.pipeline);
  EvenOutSpeeds(least);
  absl::StatusOr<Plan> plan = spec.parallelism.schedule == kAutoSchedule
                                  ? ChooseForJob(spec, least, link)
                                  : PlanNamedSchedule(spec, least, link);
  if (plan.ok()) {
    ASSIGN_OR_RETURN(plan->links, ChooseLinks(*plan, devices));
  }
  if (!absl::IsFailedPrecondition(plan.status())) return plan;
  JobSpec named = spec;
  if (spec.parallelism.schedule == kAutoSchedule) {
    named.parallelism.schedule = "1f1b";
  }
  ASSIGN_OR_RETURN(const JobSchedule schedule, ScheduleOfJob(named, {}));
  return RefuseForMemory(named, least, schedule);
}

}  // namespace penstock
