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

// Of a generator that searches, and the longest schedules that one searches
// for: with four of them that is a second.
constexpr int kEvaluations = 40;
constexpr int64_t kSearchedPassesMax = 10'000;

// Those whose generators search, or the others.
std::vector<JobSpec> Candidates(const JobSpec& spec, bool searched) {
  std::vector<JobSpec> candidates;
  for (const ScheduleInfo& schedule : ScheduleCatalog()) {
    if (!schedule.synchronous || (schedule.fields & kPieces) != 0) continue;
    if (schedule.searched != searched) continue;
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

// What became of all that was tried.
struct Attempts {
  int fitting = 0;
  int too_large = 0;
  int undefined = 0;
  SearchedPlans searched;
};

// "at most 2.1 % above ...", or nothing when nothing is proven.
std::string Gap(const Plan& plan, const SearchedPlans& searched) {
  // The search was not for two copies.
  if (!searched.lower_bound.has_value() || plan.copies > 1) return "";
  const double ratio =
      absl::FDivDuration(plan.step_time, *searched.lower_bound);
  return fmt::format(
      "; its step is {:.1f} % above what is proven to be the least for the "
      "passes on these stages",
      std::max(0.0, ratio - 1) * 100);
}

std::string Reason(const std::vector<Plan>& plans, const Attempts& attempts,
                   const ScheduleChoice& choice) {
  std::string text =
      fmt::format("the fastest of {} that fit", attempts.fitting);
  if (attempts.searched.schedules > 0) {
    text += fmt::format(" and of {} that a search made",
                        attempts.searched.schedules);
  }
  // Of several searches one speaks for all.
  const auto next =
      std::find_if(plans.begin() + 1, plans.end(), [&](const Plan& plan) {
        return plan.schedule != plans[0].schedule ||
               plan.schedule != kSynthesized;
      });
  if (next != plans.end()) {
    text += fmt::format(
        "; next {} (+{:.1f} %)", Describe(*next),
        (absl::FDivDuration(next->step_time, plans[0].step_time) - 1) * 100);
    const auto why = choice.explain(plans[0], *next);
    if (why.ok()) text += fmt::format(": {}", *why);
  }
  text += Gap(plans[0], attempts.searched);
  if (attempts.too_large > 0) {
    text += fmt::format("; {} need more memory", attempts.too_large);
  }
  if (attempts.undefined > 0) {
    text +=
        fmt::format("; {} are not defined for this job", attempts.undefined);
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

void TryNamed(const JobSpec& spec, const ScheduleChoice& choice, bool searched,
              std::vector<Plan>& plans, Attempts& attempts) {
  for (const JobSpec& named : Candidates(spec, searched)) {
    absl::StatusOr<Plan> plan = choice.named(named, kEvaluations);
    if (plan.ok()) {
      ++attempts.fitting;
      Keep(plans, *std::move(plan));
    } else {
      ++(absl::IsFailedPrecondition(plan.status()) ? attempts.too_large
                                                   : attempts.undefined);
    }
  }
}

}  // namespace

absl::StatusOr<Plan> ChooseSchedule(const JobSpec& spec,
                                    const ScheduleChoice& choice) {
  std::vector<Plan> plans;
  Attempts attempts;
  TryNamed(spec, choice, /*searched=*/false, plans, attempts);
  const int64_t passes =
      spec.batch.micro_batches * spec.parallelism.pipeline * 6;
  if (attempts.too_large > 0 && passes <= kSearchedPassesMax) {
    TryNamed(spec, choice, /*searched=*/true, plans, attempts);
  }
  if (plans.empty()) {
    JobSpec named = spec;
    named.parallelism.schedule = "1f1b";
    return choice.named(named, kEvaluations);
  }
  attempts.searched = SearchPlans(plans, choice.search);
  for (Plan& plan : attempts.searched.plans) Keep(plans, std::move(plan));
  plans[0].spec = spec;
  plans[0].schedule_reason = Reason(plans, attempts, choice);
  return std::move(plans[0]);
}

}  // namespace penstock
