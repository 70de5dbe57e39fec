#include "coordinator/planner/choose_schedule.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/schedule/schedule_catalog.h"
#include "fmt/format.h"

namespace penstock {
namespace {

// Where neither the job nor the schedule says how many; more seldom pay for
// their transfers.
constexpr int64_t kStagesPerRankMax = 4;

// Steps that differ by less are equally fast: forecasts are no better.
constexpr double kTie = 1e-3;

std::vector<JobSpec> Candidates(const JobSpec& spec) {
  std::vector<JobSpec> candidates;
  for (const ScheduleInfo& schedule : ScheduleCatalog()) {
    if (!schedule.synchronous || (schedule.fields & kPieces) != 0) continue;
    if (schedule.searched) continue;  // A plan may be made many times a second.
    JobSpec named = spec;
    named.parallelism.schedule = schedule.name;
    const bool open =
        schedule.stages_per_rank == 0 && spec.parallelism.stages_per_rank == 0;
    if (!open) {
      candidates.push_back(named);
      continue;
    }
    for (int64_t stages = 2; stages <= kStagesPerRankMax; ++stages) {
      if (stages * spec.parallelism.pipeline > UnitCount(spec.model)) break;
      named.parallelism.stages_per_rank = stages;
      candidates.push_back(named);
    }
  }
  return candidates;
}

int64_t LargestRank(const Plan& plan) {
  int64_t bytes = 0;
  for (const RankPlan& rank : plan.ranks) {
    bytes = std::max(bytes, rank.memory.total());
  }
  return bytes;
}

bool IsBetter(const Plan& plan, const Plan& than) {
  const double ratio = absl::FDivDuration(plan.step_time, than.step_time);
  if (ratio < 1 - kTie) return true;
  return ratio <= 1 + kTie && LargestRank(plan) < LargestRank(than);
}

std::string Describe(const Plan& plan) {
  const size_t stages = plan.stages.size() / plan.ranks.size();
  return fmt::format(
      "{}{}, {:.4g} ms a step", plan.schedule,
      stages > 1 ? fmt::format(" with {} stages per rank", stages) : "",
      absl::ToDoubleMilliseconds(plan.step_time));
}

std::string Reason(const std::vector<Plan>& plans, int too_large,
                   int undefined) {
  std::string text = fmt::format("the fastest of {} that fit", plans.size());
  if (plans.size() > 1) {
    text += fmt::format(
        "; next {} (+{:.1f} %)", Describe(plans[1]),
        (absl::FDivDuration(plans[1].step_time, plans[0].step_time) - 1) * 100);
  }
  if (too_large > 0) text += fmt::format("; {} need more memory", too_large);
  if (undefined > 0) {
    text += fmt::format("; {} are not defined for this job", undefined);
  }
  return text;
}

// In front of the first that it is better than: the best comes first, and the
// order of the catalogue decides between equals.
void Keep(std::vector<Plan>& best, Plan plan) {
  auto place = best.begin();
  while (place != best.end() && !IsBetter(plan, *place)) ++place;
  best.insert(place, std::move(plan));
}

}  // namespace

absl::StatusOr<Plan> ChooseSchedule(const JobSpec& spec,
                                    const PlanNamed& plan_named) {
  std::vector<Plan> plans;
  int too_large = 0;
  int undefined = 0;
  for (const JobSpec& named : Candidates(spec)) {
    absl::StatusOr<Plan> plan = plan_named(named);
    if (plan.ok()) {
      Keep(plans, *std::move(plan));
    } else {
      ++(absl::IsFailedPrecondition(plan.status()) ? too_large : undefined);
    }
  }
  if (plans.empty()) {
    JobSpec named = spec;
    named.parallelism.schedule = "1f1b";
    return plan_named(named);
  }
  plans[0].spec = spec;
  plans[0].schedule_reason = Reason(plans, too_large, undefined);
  return std::move(plans[0]);
}

}  // namespace penstock
