#include "coordinator/planner/fit_schedule.h"

#include <limits>
#include <optional>
#include <utility>

#include "coordinator/planner/fit.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// The stages of the rank that lacks most memory in the fastest partition, of
// those ranks whose stages do not recompute; none when none lacks any.
std::vector<int> NeediestStages(const JobSpec& spec,
                                const std::vector<DeviceShape>& devices,
                                const JobSchedule& schedule,
                                const std::vector<bool>& recomputed) {
  const auto cuts = FastestPartition(spec, devices, schedule);
  if (!cuts.ok()) return {};
  const ModelMemory model = MemoryOfModel(spec, schedule.schedule.copies);
  std::vector<int> neediest;
  int64_t lacks_most = std::numeric_limits<int64_t>::min();
  for (int rank = 0; rank < schedule.schedule.ranks(); ++rank) {
    std::vector<int> stages;
    for (const StageBuffers& buffers : schedule.buffers[rank]) {
      if (!recomputed[buffers.stage]) stages.push_back(buffers.stage);
    }
    const int64_t lacks = ForecastRank(model, schedule, rank, *cuts).total() -
                          devices[rank].memory_bytes;
    if (stages.empty() || lacks <= lacks_most) continue;
    lacks_most = lacks;
    neediest = stages;
  }
  return neediest;
}

// With recomputation where memory asks for it: rank by rank until it fits, and
// then not on those ranks without which it fits, too.
absl::StatusOr<PartitionedSchedule> FitByMemory(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    ScheduleOptions options) {
  std::optional<PartitionedSchedule> fitting;
  std::vector<std::vector<int>> added;
  const auto attempt =
      [&](const ScheduleOptions& tried) -> absl::StatusOr<PartitionedSchedule> {
    ASSIGN_OR_RETURN(JobSchedule schedule, ScheduleOfJob(spec, tried));
    auto cuts = PartitionToFit(spec, devices, schedule);
    return PartitionedSchedule{
        std::move(schedule),
        cuts.ok() ? *std::move(cuts) : std::vector<int64_t>()};
  };
  while (!fitting.has_value()) {
    ASSIGN_OR_RETURN(PartitionedSchedule made, attempt(options));
    if (!made.cuts.empty()) {
      fitting = std::move(made);
      break;
    }
    options.recomputed.resize(made.schedule.schedule.stages());
    added.push_back(
        NeediestStages(spec, devices, made.schedule, options.recomputed));
    if (added.back().empty()) {
      return absl::FailedPreconditionError("it does not fit recomputed");
    }
    for (const int stage : added.back()) options.recomputed[stage] = true;
  }
  for (const std::vector<int>& stages : added) {
    ScheduleOptions fewer = options;
    for (const int stage : stages) fewer.recomputed[stage] = false;
    ASSIGN_OR_RETURN(PartitionedSchedule made, attempt(fewer));
    if (made.cuts.empty()) continue;
    options = fewer;
    fitting = std::move(made);
  }
  return *std::move(fitting);
}

}  // namespace

absl::StatusOr<PartitionedSchedule> FitSchedule(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const ScheduleOptions& options) {
  if (spec.parallelism.recompute == Recompute::kByMemory) {
    return FitByMemory(spec, devices, options);
  }
  PartitionedSchedule made;
  ASSIGN_OR_RETURN(made.schedule, ScheduleOfJob(spec, options));
  ASSIGN_OR_RETURN(made.cuts, PartitionToFit(spec, devices, made.schedule));
  return made;
}

}  // namespace penstock
