#include "coordinator/planner/fit.h"

#include <algorithm>
#include <limits>
#include <string>

#include "coordinator/planner/cost_model.h"
#include "coordinator/planner/memory_forecast.h"
#include "coordinator/planner/partition.h"
#include "coordinator/schedule/count_buffers.h"
#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "fmt/format.h"

namespace penstock {
namespace {

using BuffersOfRanks = std::vector<std::vector<StageBuffers>>;

// Above this many actions, a schedule is not tried out for a hint.
constexpr int64_t kHintActionsMax = 200'000;

// A rank's forecast must be within its device's memory.
class MemoryLimit : public StageLimit {
 public:
  MemoryLimit(const ModelMemory& model, const std::vector<DeviceShape>& devices,
              const BuffersOfRanks& buffers)
      : model_(model), devices_(devices), buffers_(buffers), memory_(model) {}

  void Begin(int stage) override {
    stage_ = stage;
    memory_ = StageMemory(model_);
  }

  bool Add(int64_t unit) override {
    memory_.Add(unit);
    return memory_.Forecast(buffers_[stage_][0]).total() <=
           devices_[stage_].memory_bytes;
  }

 private:
  const ModelMemory& model_;
  const std::vector<DeviceShape>& devices_;
  const BuffersOfRanks& buffers_;
  int stage_ = 0;
  StageMemory memory_;
};

absl::StatusOr<std::vector<int64_t>> TryPartition(
    const JobSpec& spec, const ModelMemory& model,
    const std::vector<DeviceShape>& devices, const BuffersOfRanks& buffers) {
  PartitionProblem problem;
  for (const UnitTimes& times : TimesOfUnits(spec)) {
    problem.costs.push_back(times.total());
  }
  for (const DeviceShape& device : devices) {
    problem.speeds.push_back(SpeedOf(spec, device));
  }
  MemoryLimit limit(model, devices, buffers);
  return Partition(problem, limit);
}

bool Fits(const JobSpec& spec, const std::vector<DeviceShape>& devices,
          const BuffersOfRanks& buffers) {
  return TryPartition(spec, MemoryOfModel(spec), devices, buffers).ok();
}

// The largest micro-batch size below the job's that fits; 0 for none. What fits
// in less memory fits, so bisection finds it.
int64_t LargestMicroBatch(JobSpec spec, const std::vector<DeviceShape>& devices,
                          const BuffersOfRanks& buffers) {
  int64_t fits = 0;
  int64_t too_large = spec.batch.micro_batch_size;
  while (fits + 1 < too_large) {
    spec.batch.micro_batch_size = (fits + too_large) / 2;
    (Fits(spec, devices, buffers) ? fits : too_large) =
        spec.batch.micro_batch_size;
  }
  return fits;
}

BuffersOfRanks BuffersOf(const JobSpec& spec) {
  const auto schedule =
      Generate(spec.parallelism.schedule,
               {.ranks = static_cast<int>(spec.parallelism.pipeline),
                .microbatches = static_cast<int>(spec.batch.micro_batches)});
  BuffersOfRanks buffers;
  if (!schedule.ok()) return buffers;
  const auto lowered = Lower(*schedule, {});
  if (!lowered.ok()) return buffers;
  for (int rank = 0; rank < lowered->ranks(); ++rank) {
    buffers.push_back(CountBuffers(*lowered, rank));
  }
  return buffers;
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
    if (Fits(spec, std::vector<DeviceShape>(width, smallest),
             BuffersOf(spec))) {
      return width;
    }
  }
  return 0;
}

std::string Explain(const MemoryForecast& memory) {
  return fmt::format(
      "weights {}, gradients {}, optimizer {}, activations {}, buffers {}, "
      "workspace {}, checkpoint {}, process {}",
      BytesText(memory.weights), BytesText(memory.gradients),
      BytesText(memory.optimizer), BytesText(memory.activations),
      BytesText(memory.buffers), BytesText(memory.workspace),
      BytesText(memory.checkpoint), BytesText(memory.process));
}

// What the fastest partition would need on the rank that lacks most.
std::string Shortage(const JobSpec& spec, const ModelMemory& model,
                     const std::vector<DeviceShape>& devices,
                     const BuffersOfRanks& buffers) {
  std::vector<DeviceShape> boundless = devices;
  for (DeviceShape& device : boundless) {
    device.memory_bytes = std::numeric_limits<int64_t>::max();
  }
  const auto cuts = TryPartition(spec, model, boundless, buffers);
  if (!cuts.ok()) return std::string(cuts.status().message());
  std::string text;
  int64_t lacks_most = 0;
  for (size_t rank = 0; rank < devices.size(); ++rank) {
    StageMemory stage(model);
    for (int64_t unit = (*cuts)[rank]; unit < (*cuts)[rank + 1]; ++unit) {
      stage.Add(unit);
    }
    const MemoryForecast memory = stage.Forecast(buffers[rank][0]);
    const int64_t lacks = memory.total() - devices[rank].memory_bytes;
    if (lacks <= lacks_most) continue;
    lacks_most = lacks;
    text = fmt::format("rank {} would need {} ({}), and its device has {}",
                       rank, BytesText(memory.total()), Explain(memory),
                       BytesText(devices[rank].memory_bytes));
  }
  return text;
}

absl::Status Refusal(const JobSpec& spec, const ModelMemory& model,
                     const std::vector<DeviceShape>& devices,
                     const BuffersOfRanks& buffers) {
  const std::string shortage = Shortage(spec, model, devices, buffers);
  const int64_t samples = LargestMicroBatch(spec, devices, buffers);
  const int64_t width = WiderPipeline(spec, devices);
  std::string hint;
  if (samples > 0) hint = fmt::format("batch.micro_batch_size {}", samples);
  if (width > 0) {
    hint += fmt::format("{}parallelism.pipeline {} on devices like these",
                        hint.empty() ? "" : " or ", width);
  }
  return absl::FailedPreconditionError(fmt::format(
      "{}: {}: {}",
      samples > 0 || width == 0
          ? fmt::format("batch.micro_batch_size: {}",
                        spec.batch.micro_batch_size)
          : fmt::format("parallelism.pipeline: {}", spec.parallelism.pipeline),
      shortage,
      hint.empty() ? "no smaller micro-batch and no wider pipeline fits; "
                     "it needs devices with more memory"
                   : hint + " would fit"));
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PartitionToFit(
    const JobSpec& spec, const std::vector<DeviceShape>& devices,
    const BuffersOfRanks& buffers) {
  const ModelMemory model = MemoryOfModel(spec);
  auto cuts = TryPartition(spec, model, devices, buffers);
  if (cuts.status().code() != absl::StatusCode::kFailedPrecondition) {
    return cuts;
  }
  return Refusal(spec, model, devices, buffers);
}

}  // namespace penstock
