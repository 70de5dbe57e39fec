#include "coordinator/service/plan_maker.h"

#include <utility>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint.h"

namespace penstock {

PlanMaker MakePlanMaker(std::string checkpoint_directory) {
  return [directory = std::move(checkpoint_directory)](
             const JobSpec& spec,
             const std::vector<DeviceShape>& devices) -> absl::StatusOr<Plan> {
    ASSIGN_OR_RETURN(Plan plan, MakePlan(spec, devices, LinkShape{}));
    plan.checkpoint_directory = fmt::format("{}/{}", directory, spec.name);
    const std::string& resume_from = spec.checkpoint.resume_from;
    if (!resume_from.empty()) {
      ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(resume_from));
      plan.start = {.step = manifest.step, .checkpoint = resume_from};
    }
    return plan;
  };
}

}  // namespace penstock
