// What waiting for the global norm costs: synchronized and optimistic updates
// in turn, on eight ranks that sleep their times, each a thread of this
// process. Beside the measured step stands the simulated one: the makespan
// where updates wait, the longest rank's span where they do not.
//
//   optimistic_benchmark [schedule [us [rounds]]]
//
// F, I and W sleep `us` microseconds each.

#include <sys/prctl.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "proto/base/check.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {
namespace {

constexpr int64_t kRanks = 8;
constexpr int64_t kMicroBatches = 32;
constexpr int64_t kSteps = 6;

struct Times {
  double measured = 0;  // Median seconds of a step, but the first and the last.
  double simulated = 0;
};

Times RunJob(const std::string& schedule, int64_t us, bool optimistic) {
  JobSpec spec;
  spec.name = "benchmark";
  spec.model.architecture = SimModel{.layers = kRanks,
                                     .forward_us = us,
                                     .input_gradient_us = us,
                                     .weight_gradient_us = us};
  spec.batch = {.micro_batch_size = 1, .micro_batches = kMicroBatches};
  spec.parallelism = {.pipeline = kRanks,
                      .data = 1,
                      .schedule = schedule,
                      .optimistic_update = optimistic};
  spec.steps = kSteps;
  const std::vector<DeviceShape> devices(
      kRanks, {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
  const auto plan = MakePlan(spec, devices, LinkShape{});
  PENSTOCK_CHECK(plan.ok());
  const auto result = RunInProcess(*plan, {.root = "/"});
  PENSTOCK_CHECK(result.ok());
  std::vector<double> seconds;
  for (size_t i = 1; i + 1 < result->metrics.size(); ++i) {
    seconds.push_back(result->metrics[i].step_seconds);
  }
  std::sort(seconds.begin(), seconds.end());
  return {.measured = seconds[seconds.size() / 2],
          .simulated = absl::ToDoubleSeconds(plan->step_time)};
}

void Print(const char* update, const char* name, const Times& times) {
  fmt::print("  {:12} step {:8.1f} ms  {:8} {:8.1f} ms  difference {:+.1f} %\n",
             update, times.measured * 1e3, name, times.simulated * 1e3,
             (times.measured / times.simulated - 1) * 100);
}

void Compare(const std::string& schedule, int64_t us, int64_t rounds) {
  for (int64_t round = 0; round < rounds; ++round) {
    const Times waits = RunJob(schedule, us, /*optimistic=*/false);
    const Times goes_on = RunJob(schedule, us, /*optimistic=*/true);
    fmt::print("{}, {} ranks, {} micro-batches, F = I = W = {} us\n", schedule,
               kRanks, kMicroBatches, us);
    Print("synchronized", "makespan", waits);
    Print("optimistic", "span", goes_on);
    fmt::print("  optimistic is {:.3f} times as fast, predicted {:.3f}\n",
               waits.measured / goes_on.measured,
               waits.simulated / goes_on.simulated);
  }
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  // Sleeps end when they should, not 50 us later; threads inherit it.
  ::prctl(PR_SET_TIMERSLACK, 1);
  const int64_t us = argc > 2 ? std::atoll(argv[2]) : 40000;
  const int64_t rounds = argc > 3 ? std::atoll(argv[3]) : 2;
  penstock::Compare(argc > 1 ? argv[1] : "zb-h2", us, rounds);
  return 0;
}
