// How fast a schedule is generated, lowered, verified and simulated, on one
// core. Prints each phase's actions, seconds, seconds of CPU and actions per
// second of CPU, and the peak resident set.
//
//   bazel run //tests/benchmark:schedule_benchmark
//   bazel run //tests/benchmark:schedule_benchmark -- --schedule 1f1b
//       --ranks 4096 --microbatches 8192

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/simulate.h"
#include "coordinator/schedule/verify.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"

namespace penstock {
namespace {

size_t CountActions(const Schedule& schedule) {
  size_t count = 0;
  for (const std::vector<Action>& program : schedule.programs) {
    count += program.size();
  }
  return count;
}

rusage Usage() {
  rusage usage = {};
  PENSTOCK_CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage;
}

// Of this process, which has one thread.
double CpuSeconds() {
  const rusage usage = Usage();
  return absl::ToDoubleSeconds(absl::DurationFromTimeval(usage.ru_utime) +
                               absl::DurationFromTimeval(usage.ru_stime));
}

// Runs `phase`, which gives the schedule whose actions it worked on.
template <typename Phase>
void Time(const char* name, const Phase& phase) {
  const absl::Time start = SteadyNow();
  const double cpu_start = CpuSeconds();
  const Schedule& schedule = phase();
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - start);
  const double cpu = CpuSeconds() - cpu_start;
  const double actions = static_cast<double>(CountActions(schedule));
  std::fputs(fmt::format("{:<21} {:>11.0f} actions {:>8.2f} s {:>8.2f} s CPU "
                         "{:>6.1f} M/s CPU\n",
                         name, actions, seconds, cpu, actions / cpu / 1e6)
                 .c_str(),
             stdout);
  std::fflush(stdout);
}

ScheduleCosts CostsOf(const Schedule& schedule) {
  ScheduleCosts costs;
  costs.stages.assign(schedule.rank_of_stage.size(), {10, 12, 7});
  costs.hops.assign(costs.stages.size() - 1, {.latency = 3});
  return costs;
}

void Run(const std::string& name, const ScheduleRequest& request) {
  const absl::Time start = SteadyNow();
  Schedule compute;
  Time("generate", [&]() -> const Schedule& {
    auto schedule = Generate(name, request);
    PENSTOCK_CHECK(schedule.ok());
    return compute = *std::move(schedule);
  });
  const ScheduleCosts costs = CostsOf(compute);
  Simulation simulation;
  const auto simulate = [&](const Schedule& schedule) -> const Schedule& {
    auto result = Simulate(schedule, costs);
    PENSTOCK_CHECK(result.ok());
    simulation = *std::move(result);
    return schedule;
  };
  Time("simulate compute-only",
       [&]() -> const Schedule& { return simulate(compute); });
  Schedule lowered;
  Time("lower, with its proof", [&]() -> const Schedule& {
    auto schedule = Lower(compute, {.reduce_gradients = true});
    PENSTOCK_CHECK(schedule.ok());
    compute = {};
    return lowered = *std::move(schedule);
  });
  Time("verify lowered", [&]() -> const Schedule& {
    PENSTOCK_CHECK(VerifyLowered(lowered).ok());
    return lowered;
  });
  Time("simulate lowered",
       [&]() -> const Schedule& { return simulate(lowered); });
  std::fputs(
      fmt::format("{} {} x {}: {:.1f} s, {:.1f} s CPU, peak {:.2f} GiB, "
                  "makespan {}, bubble {:.4f}\n",
                  name, request.ranks, request.microbatches,
                  absl::ToDoubleSeconds(SteadyNow() - start), CpuSeconds(),
                  static_cast<double>(Usage().ru_maxrss) / (1 << 20),
                  simulation.makespan, simulation.bubble_fraction_makespan)
          .c_str(),
      stdout);
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  CLI::App app("Times what is done to a schedule before it runs.");
  std::string name = "1f1b";
  penstock::ScheduleRequest request{.ranks = 4096, .microbatches = 8192};
  app.add_option("--schedule", name, "One of penstock's schedules.");
  app.add_option("--ranks", request.ranks, "Ranks of the pipeline.");
  app.add_option("--microbatches", request.microbatches, "Per step.");
  CLI11_PARSE(app, argc, argv);
  penstock::Run(name, request);
  return 0;
}
