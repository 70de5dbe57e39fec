#include "tests/gpu/throughput.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "absl/time/time.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "tests/gpu/fitting.h"
#include "tests/gpu/random_job.h"
#include "tests/in_process/in_process_job.h"

namespace penstock::gpu {
namespace {

// What the arenas hold: all but the process. A copy for checkpoints that the
// host has is not in the forecast either.
int64_t ForecastOfArenas(const Plan& plan) {
  int64_t bytes = 0;
  for (const RankPlan& rank : plan.ranks) {
    bytes += rank.memory.total() - rank.memory.process;
  }
  return bytes;
}

absl::StatusOr<Throughput> Measure(const Workload& workload, int64_t stages,
                                   const ThroughputOptions& options) {
  const int64_t steps = options.warmup + options.steps;
  const int64_t tokens_per_step = workload.batch.micro_batch_size *
                                  workload.batch.micro_batches *
                                  SequenceLengthOf(workload.model);
  ASSIGN_OR_RETURN(const RandomTokens tokens,
                   RandomTokens::Create(VocabularyOf(workload.model),
                                        (steps + 1) * tokens_per_step + 1));
  JobSpec spec = tokens.Spec(workload.name, workload.model);
  spec.precision = options.precision;
  spec.batch = workload.batch;
  spec.parallelism.pipeline = stages;
  spec.steps = steps + 1;
  ASSIGN_OR_RETURN(const Plan plan, PlanOf(tokens, spec, options.kind));
  std::vector<absl::Time> ends;
  int64_t used_bytes = 0;
  const auto on_step = [&](const StepMetrics&) {
    ends.push_back(SteadyNow());
    if (std::ssize(ends) == steps && options.used_bytes) {
      used_bytes = options.used_bytes();
    }
  };
  ASSIGN_OR_RETURN(const InProcessResult result,
                   RunInProcess(plan, {.make_backend = options.make_backend,
                                       .root = tokens.directory(),
                                       .cut_after_step = steps,
                                       .on_step = on_step}));
  std::vector<double> seconds;
  for (int64_t i = options.warmup; i < steps; ++i) {
    seconds.push_back(absl::ToDoubleSeconds(ends[i] - ends[i - 1]));
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  return Throughput{
      .stages = stages,
      .batch = workload.batch,
      .step_seconds = median,
      .tokens_per_second = static_cast<double>(tokens_per_step) / median,
      .arena_bytes = std::accumulate(result.arena_bytes.begin(),
                                     result.arena_bytes.end(), int64_t{0}),
      .forecast_bytes = ForecastOfArenas(plan),
      .used_bytes = used_bytes};
}

}  // namespace

absl::StatusOr<Throughput> MeasureThroughput(const Workload& workload,
                                             int64_t stages,
                                             const ThroughputOptions& options) {
  return MeasureWhatFits(workload, [&](const Workload& fitting) {
    return Measure(fitting, stages, options);
  });
}

}  // namespace penstock::gpu
