#include "coordinator/service/plan_maker.h"

#include <utility>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"

namespace penstock {
namespace {

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
    ASSIGN_OR_RETURN(Plan plan, MakePlan(spec, devices, LinkShape{}));
    plan.checkpoint_directory = fmt::format("{}/{}", directory, spec.name);
    ASSIGN_OR_RETURN(plan.start,
                     FindStart(spec, plan.checkpoint_directory, known));
    return plan;
  };
}

}  // namespace penstock
