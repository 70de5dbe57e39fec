#include "coordinator/service/plan_reviser.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/planner/planner.h"
#include "coordinator/planner/profile.h"
#include "coordinator/planner/replan.h"
#include "coordinator/service/plan_maker.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/plan_proto.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

// Of fewer, one slow step could be the median.
constexpr int kStepsMin = 3;

// Errors: FailedPrecondition: traces of too few steps have come so far.
absl::StatusOr<Profile> MeasureDue(const DueRevision& due,
                                   std::vector<StepTrace> traces) {
  std::erase_if(traces, [&](const StepTrace& trace) {
    return trace.step <= due.after_step;
  });
  ASSIGN_OR_RETURN(Profile profile,
                   MeasureProfile(*due.plan, PlanCosts(*due.plan), traces));
  if (profile.steps < kStepsMin) {
    return absl::FailedPreconditionError(
        fmt::format("{} of {} steps have been traced by every rank",
                    profile.steps, kStepsMin));
  }
  return profile;
}

absl::StatusOr<RevisionOutcome> ReviseByProfile(const DueRevision& due,
                                                const Profile& profile) {
  ASSIGN_OR_RETURN(
      Replanned replanned,
      Replan(*due.plan, profile, due.memory_bytes, due.steps_left));
  RevisionOutcome outcome{.reason = std::move(replanned.reason),
                          .measured = absl::Seconds(replanned.measured),
                          .predicted = absl::Seconds(replanned.predicted)};
  if (!replanned.plan.has_value()) return outcome;
  const size_t bytes = PlanToInternalProto(*replanned.plan).ByteSizeLong();
  if (bytes > kPlanBytesMax) {
    return absl::ResourceExhaustedError(
        fmt::format("the plan for '{}' would have {} bytes, and at most {} can "
                    "be sent",
                    replanned.plan->schedule, bytes, kPlanBytesMax));
  }
  outcome.plan = std::make_shared<const Plan>(*std::move(replanned.plan));
  return outcome;
}

absl::Status ReviseOne(const DueRevision& due, Cluster& cluster) {
  const absl::StatusOr<Profile> profile =
      MeasureDue(due, cluster.Traces(due.job, /*steps=*/0));
  // It stays due, and traces are on their way.
  if (absl::IsFailedPrecondition(profile.status())) return absl::OkStatus();
  const absl::StatusOr<RevisionOutcome> outcome =
      profile.ok() ? ReviseByProfile(due, *profile) : profile.status();
  if (outcome.ok()) return cluster.Revise(due, *outcome);
  // An attempt, too, or the next would come at once.
  RETURN_IF_ERROR(
      cluster.Revise(due, {.reason = std::string(outcome.status().message())}));
  return outcome.status();
}

}  // namespace

void ReviseDuePlans(Cluster& cluster) {
  for (const DueRevision& due : cluster.DueRevisions()) {
    const absl::Status status = ReviseOne(due, cluster);
    if (status.ok()) continue;
    spdlog::warn("plan not revised job={} status=\"{}\"", due.job,
                 status.ToString());
  }
}

}  // namespace penstock
