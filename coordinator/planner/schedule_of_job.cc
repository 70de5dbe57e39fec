#include "coordinator/planner/schedule_of_job.h"

#include <utility>
#include <variant>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/verify.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

ScheduleRequest RequestOf(const JobSpec& spec) {
  const ParallelismSpec& parallelism = spec.parallelism;
  return {.ranks = static_cast<int>(parallelism.pipeline),
          .microbatches = static_cast<int>(spec.batch.micro_batches),
          .stages_per_rank = static_cast<int>(parallelism.stages_per_rank),
          .group_size = static_cast<int>(parallelism.group_size),
          .slack = static_cast<int>(parallelism.slack),
          .pieces = static_cast<int>(parallelism.sequence_pieces),
          .activations_max = static_cast<int>(parallelism.activations_max),
          .vertical_sync = parallelism.vertical_sync,
          .update_every = static_cast<int>(parallelism.update_every)};
}

bool IsTied(const ModelSpec& model) {
  const auto* gpt2 = std::get_if<Gpt2Config>(&model.architecture);
  return gpt2 != nullptr && gpt2->tied_embeddings;
}

}  // namespace

absl::StatusOr<JobSchedule> ScheduleOfJob(
    const JobSpec& spec, const std::optional<ScheduleCosts>& costs) {
  ScheduleRequest request = RequestOf(spec);
  request.costs = costs;
  ASSIGN_OR_RETURN(const Schedule compute,
                   Generate(spec.parallelism.schedule, request));
  if (compute.pieces > 1) {
    return absl::InvalidArgumentError(fmt::format(
        "parallelism.schedule: {}: executors compute a sequence as a whole; it "
        "can be shown and simulated, not run",
        spec.parallelism.schedule));
  }
  JobSchedule job;
  // Where stages update by themselves, each update sums a tied weight's two
  // gradients: the spec is valid only if both are one stage's.
  const bool by_update = HasWeightVersions(spec.parallelism.schedule);
  ASSIGN_OR_RETURN(
      job.schedule,
      Lower(compute, {.reduce_gradients = spec.parallelism.data > 1,
                      .reduce_tied = IsTied(spec.model) && !by_update}));
  ASSIGN_OR_RETURN(job.buffers, VerifyLowered(job.schedule));
  return job;
}

}  // namespace penstock
