#include "coordinator/core/plan_revision.h"

#include <algorithm>
#include <utility>

#include "coordinator/planner/revision_obstacle.h"
#include "fmt/format.h"

namespace penstock {
namespace {

// Of one job; epochs that each try as often as they may fill it in five.
constexpr size_t kRevisionsKept = 32;

bool IsSameJob(const JobSpec& a, const JobSpec& b) {
  return a.parallelism.schedule == b.parallelism.schedule &&
         a.parallelism.pipeline == b.parallelism.pipeline &&
         a.parallelism.data == b.parallelism.data &&
         a.parallelism.recompute == b.parallelism.recompute &&
         a.batch == b.batch;
}

}  // namespace

int64_t MemoryBytes(const Plan& plan) {
  int64_t bytes = 0;
  for (const RankPlan& rank : plan.ranks) {
    bytes = std::max(bytes, rank.memory.total());
  }
  return bytes;
}

void PlanRevisions::NoteInForce(uint64_t revision, int64_t step) {
  if (in_force_ == revision) return;
  in_force_ = revision;
  in_force_after_ = step;
  since_step_ = step;
}

void PlanRevisions::NoteAttempt(int64_t step) {
  ++attempts_;
  since_step_ = step;
}

bool PlanRevisions::IsDue(const Options& options, const Plan& plan,
                          int64_t step) const {
  if (in_force_ != plan.revision || attempts_ >= options.attempts_max ||
      !RevisionObstacle(plan).empty()) {
    return false;
  }
  const int64_t wait = options.first_after_steps << attempts_;
  return step >= since_step_ + wait &&
         step + options.steps_left_min <= plan.spec.steps;
}

void AddRevision(RevisionRecord record,
                 std::vector<RevisionRecord>& revisions) {
  revisions.push_back(std::move(record));
  if (revisions.size() > kRevisionsKept) revisions.erase(revisions.begin());
}

absl::Status CheckRevisedPlan(const DueRevision& due, const Plan& revised) {
  if (revised.revision != due.plan->revision + 1) {
    return absl::InvalidArgumentError(
        fmt::format("revision {} of a plan follows {}", revised.revision,
                    due.plan->revision));
  }
  if (!HaveSameStages(*due.plan, revised)) {
    return absl::InvalidArgumentError(
        "a revised plan must have the stages of the plan in force");
  }
  for (size_t rank = 0; rank < revised.ranks.size(); ++rank) {
    const int64_t needs = revised.ranks[rank].memory.total();
    if (needs <= due.memory_bytes[rank]) continue;
    return absl::InvalidArgumentError(
        fmt::format("rank {} of the revised plan needs {} bytes; its device "
                    "has {}",
                    rank, needs, due.memory_bytes[rank]));
  }
  return absl::OkStatus();
}

Plan KeepRevision(Plan made, const Plan* latest) {
  if (latest == nullptr || latest->revision == 0 ||
      !IsSameJob(made.spec, latest->spec) || !HaveSameStages(made, *latest)) {
    return made;
  }
  made.stages = latest->stages;
  made.ranks = latest->ranks;
  made.schedule = latest->schedule;
  made.schedule_reason = latest->schedule_reason;
  made.revision = latest->revision;
  made.bubble_fraction = latest->bubble_fraction;
  made.step_time = latest->step_time;
  return made;
}

}  // namespace penstock
