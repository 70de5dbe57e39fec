// Eight ranks that sleep their times, as threads of one process over gRPC
// links: the step as measured beside the step as simulated, for each schedule
// named, or for all. Ends with 1 when one differs by more than 3 %.
//
//   sim_in_process [SCHEDULE...]
//
// A pass of all that a rank has takes 120 ms, so that a processor that wakes a
// millisecond late is within the bound even where each action waits for
// another rank's (v-1f1b, hanayo).
//
// tests/benchmark/sim_benchmark.py does the same with real processes.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "coordinator/planner/planner.h"
#include "coordinator/schedule/schedule_catalog.h"
#include "fmt/format.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {
namespace {

constexpr int kRanks = 8;
constexpr int kMicrobatches = 16;
constexpr int64_t kSteps = 3;
constexpr int64_t kRankUs = 120'000;
constexpr double kDifferenceMax = 0.03;

JobSpec SpecOf(const ScheduleInfo& schedule) {
  int64_t stages = schedule.stages_per_rank;
  if (stages == 0) stages = 2;
  if (schedule.placement == "bidirectional") stages = 1;
  JobSpec spec;
  spec.name = schedule.name;
  spec.model.architecture = SimModel{.layers = kRanks * stages,
                                     .forward_us = kRankUs / stages,
                                     .input_gradient_us = kRankUs / stages,
                                     .weight_gradient_us = kRankUs / stages};
  spec.batch.micro_batches = schedule.name == "naive" ? 4 : kMicrobatches;
  spec.parallelism = {.pipeline = kRanks, .schedule = spec.name};
  spec.steps = kSteps;
  return spec;
}

// The median of the steps after the first; negative after an error.
double MeasuredSeconds(const Plan& plan, const std::string& root) {
  const auto result =
      RunInProcess(plan, {.link = LinkKind::kGrpc, .root = root});
  if (!result.ok()) {
    fmt::print("{}\n", std::string(result.status().message()));
    return -1;
  }
  std::vector<double> seconds;
  for (const StepMetrics& metrics : result->metrics) {
    if (metrics.step > 1) seconds.push_back(metrics.step_seconds);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

bool Compare(const ScheduleInfo& schedule, const std::string& root) {
  const std::vector<DeviceShape> devices(
      kRanks, {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
  const auto plan = MakePlan(SpecOf(schedule), devices);
  if (!plan.ok()) {
    fmt::print("{}\n", std::string(plan.status().message()));
    return false;
  }
  const double simulated = absl::ToDoubleSeconds(plan->step_time);
  const double measured = MeasuredSeconds(*plan, root);
  const double difference = measured / simulated - 1;
  fmt::print("{:17} {:8.1f} {:9.1f} {:+9.2f} %\n", schedule.name,
             1e3 * measured, 1e3 * simulated, 100 * difference);
  std::fflush(stdout);
  return std::abs(difference) <= kDifferenceMax;
}

int Main(const std::vector<std::string>& names) {
  const std::string root = fmt::format("/tmp/sim-{}", ::getpid());
  std::filesystem::create_directories(root);
  fmt::print("{:17} {:>8} {:>9} {:>11}\n", "schedule", "step ms", "simulated",
             "difference");
  bool all_near = true;
  for (const ScheduleInfo& schedule : ScheduleCatalog()) {
    const bool wanted =
        names.empty() ||
        std::find(names.begin(), names.end(), schedule.name) != names.end();
    if (!wanted || !schedule.synchronous) continue;
    all_near = Compare(schedule, root) && all_near;
  }
  std::filesystem::remove_all(root);
  return all_near ? 0 : 1;
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  return penstock::Main({argv + 1, argv + argc});
}
