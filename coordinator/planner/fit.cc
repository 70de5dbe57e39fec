#include "coordinator/planner/fit.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "coordinator/planner/balance.h"
#include "coordinator/planner/cost_model.h"
#include "coordinator/planner/partition.h"
#include "fmt/format.h"

namespace penstock {
namespace {

// Above this many actions, a schedule is not tried out for a hint.
constexpr int64_t kHintActionsMax = 200'000;

constexpr int64_t kBoundless = std::numeric_limits<int64_t>::max();

// The forecast of the rank with the slice, if it had no other, must be within
// its device's memory.
class MemoryLimit : public StageLimit {
 public:
  MemoryLimit(const ModelMemory& model, const std::vector<DeviceShape>& devices,
              const JobSchedule& schedule)
      : model_(model), devices_(devices), schedule_(schedule), memory_(model) {}

  void Begin(int slice) override {
    rank_ = schedule_.schedule.rank_of_stage[slice];
    memory_ = StageMemorySum(model_);
  }

  bool Add(int64_t unit) override {
    memory_.Add(unit);
    return memory_.Forecast(schedule_.buffers[rank_][0]).total() <=
           devices_[rank_].memory_bytes;
  }

 private:
  const ModelMemory& model_;
  const std::vector<DeviceShape>& devices_;
  const JobSchedule& schedule_;
  int rank_ = 0;
  StageMemorySum memory_;
};

class NoLimit : public StageLimit {
 public:
  void Begin(int /*slice*/) override {}
  bool Add(int64_t /*unit*/) override { return true; }
};

bool HasOneStagePerRank(const JobSchedule& schedule) {
  return schedule.schedule.stages() == schedule.schedule.ranks();
}

// Of each slice, that of the slowest device that holds it.
std::vector<double> SpeedsOfSlices(const JobSpec& spec,
                                   const std::vector<DeviceShape>& devices,
                                   const Schedule& schedule) {
  std::vector<double> speeds(schedule.stages_per_copy(),
                             std::numeric_limits<double>::infinity());
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    double& speed = speeds[schedule.SliceOf(stage)];
    speed =
        std::min(speed, SpeedOf(spec, devices[schedule.rank_of_stage[stage]]));
  }
  return speeds;
}

std::vector<double> CostsOfUnits(const JobSpec& spec) {
  std::vector<double> costs;
  for (const UnitTimes& times : TimesOfUnits(spec)) {
    costs.push_back(times.total());
  }
  return costs;
}

// Of what a unit needs about the most: its weights with all that belongs to
// them, or what it saves.
std::vector<double> MemoryOfUnits(const ModelMemory& model,
                                  const JobSchedule& schedule) {
  int64_t in_flight = 0;
  for (const auto& rank : schedule.buffers) {
    for (const StageBuffers& stage : rank) in_flight += stage.activations;
  }
  in_flight /= schedule.schedule.stages();
  std::vector<double> bytes;
  for (const UnitMemory& unit : model.units) {
    constexpr double kWithGradientsMomentsAndCheckpoint = 7;
    bytes.push_back(kWithGradientsMomentsAndCheckpoint *
                        static_cast<double>(unit.weights) +
                    static_cast<double>(unit.rounded) +
                    static_cast<double>(in_flight) *
                        static_cast<double>(unit.saved + model.boundary));
  }
  return bytes;
}

BalanceProblem ProblemOf(const JobSpec& spec, const ModelMemory& model,
                         const std::vector<DeviceShape>& devices,
                         const JobSchedule& schedule) {
  BalanceProblem problem{
      .costs = CostsOfUnits(spec),
      .slices = std::vector<std::vector<int>>(devices.size()),
      .lacks = [&](int rank, const std::vector<int64_t>& cuts) -> double {
        const int64_t has = devices[rank].memory_bytes;
        if (has == kBoundless) return 0;
        return static_cast<double>(std::max<int64_t>(
            0, ForecastRank(model, schedule, rank, cuts).total() - has));
      }};
  for (const DeviceShape& device : devices) {
    problem.speeds.push_back(SpeedOf(spec, device));
  }
  for (int stage = 0; stage < schedule.schedule.stages(); ++stage) {
    problem.slices[schedule.schedule.rank_of_stage[stage]].push_back(
        schedule.schedule.SliceOf(stage));
  }
  return problem;
}

bool IsWithin(const BalanceProblem& problem, const std::vector<int64_t>& cuts) {
  for (size_t rank = 0; rank < problem.slices.size(); ++rank) {
    if (problem.lacks(static_cast<int>(rank), cuts) > 0) return false;
  }
  return true;
}

absl::StatusOr<std::vector<int64_t>> TryPartition(
    const JobSpec& spec, const ModelMemory& model,
    const std::vector<DeviceShape>& devices, const JobSchedule& schedule) {
  PartitionProblem slices{
      .costs = CostsOfUnits(spec),
      .speeds = SpeedsOfSlices(spec, devices, schedule.schedule)};
  if (HasOneStagePerRank(schedule)) {
    MemoryLimit limit(model, devices, schedule);
    return Partition(slices, limit);
  }
  const BalanceProblem problem = ProblemOf(spec, model, devices, schedule);
  NoLimit no_limit;
  for (const bool by_memory : {false, true}) {
    if (by_memory) slices.costs = MemoryOfUnits(model, schedule);
    auto cuts = Partition(slices, no_limit);
    if (!cuts.ok()) return cuts;
    cuts = Balance(problem, *std::move(cuts));
    if (IsWithin(problem, *cuts)) return cuts;
  }
  return absl::FailedPreconditionError("no partition was found that fits");
}

std::vector<DeviceShape> WithoutBounds(std::vector<DeviceShape> devices) {
  for (DeviceShape& device : devices) device.memory_bytes = kBoundless;
  return devices;
}

bool Fits(const JobSpec& spec, const std::vector<DeviceShape>& devices,
          const JobSchedule& schedule) {
  return TryPartition(spec,
                      MemoryOfModel(spec, schedule.schedule.copies,
                                    schedule.schedule.pieces),
                      devices, schedule)
      .ok();
}

// The largest micro-batch size below the job's that fits; 0 for none. What fits
// in less memory fits, so bisection finds it.
int64_t LargestMicroBatch(JobSpec spec, const std::vector<DeviceShape>& devices,
                          const JobSchedule& schedule) {
  int64_t fits = 0;
  int64_t too_large = spec.batch.micro_batch_size;
  while (fits + 1 < too_large) {
    spec.batch.micro_batch_size = (fits + too_large) / 2;
    (Fits(spec, devices, schedule) ? fits : too_large) =
        spec.batch.micro_batch_size;
  }
  return fits;
}

// A pipeline wider than the job's that fits; 0 for none found. Widths grow by a
// quarter: a hint has to be quick, and right, but not the narrowest.
int64_t WiderPipeline(JobSpec spec, const std::vector<DeviceShape>& devices) {
  const DeviceShape& smallest = *std::min_element(
      devices.begin(), devices.end(), [](const auto& a, const auto& b) {
        return a.memory_bytes < b.memory_bytes;
      });
  const int64_t units = UnitCount(spec.model);
  int64_t width = spec.parallelism.pipeline;
  while (width < units) {
    width = std::min(units, width + std::max<int64_t>(1, width / 4));
    spec.parallelism.pipeline = width;
    if (width * spec.batch.micro_batches * 6 > kHintActionsMax) return 0;
    const auto schedule = ScheduleOfJob(spec, {});
    if (!schedule.ok() || schedule->slices() > units) continue;
    if (Fits(spec, std::vector<DeviceShape>(width, smallest), *schedule)) {
      return width;
    }
  }
  return 0;
}

std::string Explain(const MemoryForecast& memory) {
  return fmt::format(
      "weights {}, gradients {}, optimizer {}, activations {}, buffers {}, "
      "workspace {}, checkpoint {}, process {}",
      MemoryText(memory.weights), MemoryText(memory.gradients),
      MemoryText(memory.optimizer), MemoryText(memory.activations),
      MemoryText(memory.buffers), MemoryText(memory.workspace),
      MemoryText(memory.checkpoint), MemoryText(memory.process));
}

// What the fastest partition would need on the rank that lacks most.
std::string Shortage(const JobSpec& spec, const ModelMemory& model,
                     const std::vector<DeviceShape>& devices,
                     const JobSchedule& schedule) {
  const auto cuts = TryPartition(spec, model, WithoutBounds(devices), schedule);
  if (!cuts.ok()) return std::string(cuts.status().message());
  std::string text;
  int64_t lacks_most = 0;
  for (size_t rank = 0; rank < devices.size(); ++rank) {
    const MemoryForecast memory =
        ForecastRank(model, schedule, static_cast<int>(rank), *cuts);
    const int64_t lacks = memory.total() - devices[rank].memory_bytes;
    if (lacks <= lacks_most) continue;
    lacks_most = lacks;
    text = fmt::format("rank {} would need {} ({}), and its device has {}",
                       rank, MemoryText(memory.total()), Explain(memory),
                       MemoryText(devices[rank].memory_bytes));
  }
  return text;
}

// The job with every forward pass made again, if that is a change and fits.
bool FitsRecomputed(JobSpec spec, const std::vector<DeviceShape>& devices) {
  if (spec.parallelism.recompute == Recompute::kAlways ||
      spec.parallelism.recompute == Recompute::kByMemory) {
    return false;
  }
  spec.parallelism.recompute = Recompute::kAlways;
  const auto schedule = ScheduleOfJob(spec, {});
  return schedule.ok() && Fits(spec, devices, *schedule);
}

}  // namespace

MemoryForecast ForecastRank(const ModelMemory& model,
                            const JobSchedule& schedule, int rank,
                            const std::vector<int64_t>& cuts) {
  RankMemorySum sum(model);
  for (const StageBuffers& buffers : schedule.buffers[rank]) {
    const int slice = schedule.schedule.SliceOf(buffers.stage);
    StageMemorySum stage(model);
    for (int64_t unit = cuts[slice]; unit < cuts[slice + 1]; ++unit) {
      stage.Add(unit);
    }
    sum.Add(stage, buffers, schedule.schedule.CopyOf(buffers.stage) == 0);
  }
  return sum.Forecast();
}

absl::StatusOr<std::vector<int64_t>> PartitionToFit(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const JobSchedule& schedule) {
  return TryPartition(
      spec,
      MemoryOfModel(spec, schedule.schedule.copies, schedule.schedule.pieces),
      devices, schedule);
}

absl::StatusOr<std::vector<int64_t>> FastestPartition(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const JobSchedule& schedule) {
  return PartitionToFit(spec, WithoutBounds(devices), schedule);
}

absl::Status RefuseForMemory(const JobSpec& spec,
                             const std::vector<DeviceShape>& devices,
                             const JobSchedule& schedule) {
  const ModelMemory model =
      MemoryOfModel(spec, schedule.schedule.copies, schedule.schedule.pieces);
  const std::string shortage = Shortage(spec, model, devices, schedule);
  const int64_t samples = LargestMicroBatch(spec, devices, schedule);
  const int64_t width = WiderPipeline(spec, devices);
  std::vector<std::string> hints;
  if (samples > 0) {
    hints.push_back(fmt::format("batch.micro_batch_size {}", samples));
  }
  if (FitsRecomputed(spec, devices)) {
    hints.push_back("parallelism.recompute always");
  }
  if (width > 0) {
    hints.push_back(
        fmt::format("parallelism.pipeline {} on devices like these", width));
  }
  return absl::FailedPreconditionError(fmt::format(
      "{}: {}: {}",
      samples > 0 || width == 0
          ? fmt::format("batch.micro_batch_size: {}",
                        spec.batch.micro_batch_size)
          : fmt::format("parallelism.pipeline: {}", spec.parallelism.pipeline),
      shortage,
      hints.empty() ? "no smaller micro-batch and no wider pipeline fits; "
                      "it needs devices with more memory"
                    : fmt::format("{} would fit", fmt::join(hints, " or "))));
}

}  // namespace penstock
