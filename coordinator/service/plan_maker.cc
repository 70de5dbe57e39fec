#include "coordinator/service/plan_maker.h"

#include <utility>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"
#include "proto/plan_proto.h"

namespace penstock {
namespace {

// Each stage works on each micro-batch at least twice, and an action is written
// in at least four characters: what is beyond this need not be planned.
constexpr int64_t kActionBytesMin = 8;

absl::Status TooLarge(const JobSpec& spec) {
  return absl::InvalidArgumentError(fmt::format(
      "batch.micro_batches: {}: with parallelism.pipeline {} the plan would "
      "have more than {} MiB; take fewer and larger micro-batches",
      spec.batch.micro_batches, spec.parallelism.pipeline,
      kPlanBytesMax >> 20));
}

absl::StatusOr<StartPoint> FindStart(const JobSpec& spec,
                                     const std::string& directory,
                                     const StartPoint& known) {
  const std::string& resume_from = spec.checkpoint.resume_from;
  if (known.checkpoint.empty()) {
    if (resume_from.empty()) return known;
    ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(resume_from));
    return StartPoint{.step = manifest.step, .checkpoint = resume_from};
  }
  // What was reported may have been removed in favour of a newer one since.
  ASSIGN_OR_RETURN(const std::vector<CheckpointEntry> entries,
                   ListCheckpoints(directory));
  if (entries.empty()) return known;
  return StartPoint{.step = entries.back().step,
                    .checkpoint = entries.back().path};
}

}  // namespace

PlanMaker MakePlanMaker(std::string checkpoint_directory) {
  return [directory = std::move(checkpoint_directory)](
             const JobSpec& spec, const std::vector<DeviceShape>& devices,
             const StartPoint& known) -> absl::StatusOr<Plan> {
    if (spec.batch.micro_batches * spec.parallelism.pipeline >
        static_cast<int64_t>(kPlanBytesMax) / kActionBytesMin) {
      return TooLarge(spec);
    }
    ASSIGN_OR_RETURN(Plan plan, MakePlan(spec, devices, LinkShape{}));
    plan.checkpoint_directory = fmt::format("{}/{}", directory, spec.name);
    ASSIGN_OR_RETURN(plan.start,
                     FindStart(spec, plan.checkpoint_directory, known));
    if (PlanToInternalProto(plan).ByteSizeLong() > kPlanBytesMax) {
      return TooLarge(spec);
    }
    return plan;
  };
}

}  // namespace penstock
