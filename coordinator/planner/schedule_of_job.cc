#include "coordinator/planner/schedule_of_job.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "coordinator/schedule/add_recompute.h"
#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/legal_value.h"
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

Schedule Recomputing(Schedule schedule, Recompute recompute,
                     const std::vector<bool>& stages) {
  switch (recompute) {
    case Recompute::kNever:
      return schedule;
    case Recompute::kAlways:
      return AddRecompute(std::move(schedule), RecomputeAlways());
    case Recompute::kExceptLast: {
      const RecomputePolicy policy = RecomputeAllButLast(schedule);
      return AddRecompute(std::move(schedule), policy);
    }
    case Recompute::kByMemory:
      if (stages.empty()) return schedule;
      return AddRecompute(std::move(schedule), RecomputeStages(stages));
  }
  return schedule;
}

// Generators name the fields of a request, "zbv: ranks is 3, but ..."; people
// have written a job.
absl::Status InTheJobsWords(const absl::Status& status) {
  static constexpr std::pair<std::string_view, std::string_view> kFields[] = {
      {"ranks", "parallelism.pipeline"},
      {"microbatches", "batch.micro_batches"},
      {"pieces", "parallelism.sequence_pieces"}};
  const std::string text(status.message());
  const size_t colon = text.find(": ");
  const size_t is = text.find(" is ");
  const size_t comma = text.find(", ");
  if (status.ok() || colon == std::string::npos || is == std::string::npos ||
      comma == std::string::npos || is < colon || comma < is) {
    return status;
  }
  const std::string field = text.substr(colon + 2, is - colon - 2);
  if (field.find(' ') != std::string::npos) return status;
  std::string named = "parallelism." + field;
  for (const auto& [request, job] : kFields) {
    if (field == request) named = job;
  }
  return absl::Status(
      status.code(),
      fmt::format("{}: {}: {}: {}", named, text.substr(is + 4, comma - is - 4),
                  text.substr(0, colon), text.substr(comma + 2)));
}

bool IsTied(const ModelSpec& model) {
  const auto* trained = std::get_if<Architecture>(&model.architecture);
  return trained != nullptr && HasTiedEmbeddings(*trained);
}

// Whether executors can cut the sequences as the schedule does.
absl::Status CheckPieces(const JobSpec& spec, const Schedule& schedule) {
  if (schedule.pieces == 1) return absl::OkStatus();
  const ParallelismSpec& parallelism = spec.parallelism;
  if (parallelism.recompute != Recompute::kNever ||
      parallelism.optimistic_update) {
    return absl::InvalidArgumentError(fmt::format(
        "parallelism.schedule: {}: a piece's keys and values stay for the "
        "others, so it goes with neither recompute nor optimistic_update",
        parallelism.schedule));
  }
  const auto* model = std::get_if<Architecture>(&spec.model.architecture);
  if (model == nullptr) return absl::OkStatus();
  const int64_t sequence = SequenceLengthOf(*model);
  return InTheJobsWords(RequireLegal(
      parallelism.schedule, "pieces", schedule.pieces,
      fmt::format("a divisor of the sequence length, {}", sequence),
      [&](int pieces) { return sequence % pieces == 0; }));
}

}  // namespace

absl::StatusOr<JobSchedule> ScheduleOfJob(const JobSpec& spec,
                                          const ScheduleOptions& options) {
  ScheduleRequest request = RequestOf(spec);
  request.costs = options.costs;
  request.evaluations = options.evaluations;
  absl::StatusOr<Schedule> generated =
      Generate(spec.parallelism.schedule, request);
  if (!generated.ok()) return InTheJobsWords(generated.status());
  const Schedule compute = Recomputing(
      *std::move(generated), spec.parallelism.recompute, options.recomputed);
  RETURN_IF_ERROR(CheckPieces(spec, compute));
  return LowerForJob(spec, compute);
}

absl::StatusOr<JobSchedule> LowerForJob(const JobSpec& spec,
                                        const Schedule& compute) {
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
