#include "coordinator/planner/search_plan.h"

#include <algorithm>
#include <utility>

#include "coordinator/schedule/list_schedule.h"
#include "coordinator/schedule/lower_bound.h"
#include "coordinator/schedule/schedule_catalog.h"
#include "coordinator/schedule/search_schedule.h"

namespace penstock {
namespace {

using Programs = std::vector<std::vector<Action>>;

constexpr int kPlacementsMax = 3;

// F's, B's, I's and W's alone.
Programs PassesOf(const Plan& plan) {
  Programs programs;
  for (const RankPlan& rank : plan.ranks) {
    std::vector<Action>& program = programs.emplace_back();
    for (const Action& action : rank.program) {
      if (IsCompute(action.kind)) program.push_back(action);
    }
  }
  return programs;
}

// Whether it adds up weight gradients in the order of the micro-batches, as
// whatever the search makes of it then does.
bool SumsInOrder(const Plan& plan) {
  const ScheduleInfo* schedule = FindSchedule(plan.schedule);
  return schedule != nullptr && !schedule->own_summation_order;
}

// Of each number of stages and their ranks the first.
std::vector<const Plan*> Placements(const std::vector<Plan>& named) {
  std::vector<const Plan*> placements;
  for (const Plan& plan : named) {
    if (plan.copies > 1 || plan.pieces > 1 ||
        plan.spec.parallelism.recompute != Recompute::kNever) {
      continue;
    }
    const auto is_placed_so = [&](const Plan* other) {
      return std::equal(plan.stages.begin(), plan.stages.end(),
                        other->stages.begin(), other->stages.end(),
                        [](const StagePlan& a, const StagePlan& b) {
                          return a.rank == b.rank;
                        });
    };
    if (std::none_of(placements.begin(), placements.end(), is_placed_so)) {
      placements.push_back(&plan);
    }
    if (placements.size() == kPlacementsMax) break;
  }
  return placements;
}

int Evaluations(const PipelineInstance& instance) {
  constexpr int64_t kActions = 500'000;
  constexpr int64_t kLeast = 50;  // With fewer a search finds nothing.
  const int64_t actions =
      int64_t{3} * instance.microbatches * instance.stages();
  const int64_t evaluations = std::min(kActions / actions, 4 * actions);
  return kActions / actions < kLeast ? 0 : static_cast<int>(evaluations);
}

bool HasRoom(const PipelineInstance& instance) {
  for (int rank = 0; rank < instance.ranks; ++rank) {
    if (instance.memory_max[rank] < MemoryNeeded(instance, rank)) return false;
  }
  return true;
}

// What `programs` need and no more.
void LimitMemory(const Programs& programs, PipelineInstance& instance) {
  for (int rank = 0; rank < instance.ranks; ++rank) {
    double held = 0;
    double peak = MemoryNeeded(instance, rank);
    for (const Action& action : programs[rank]) {
      const ActivationMemory& memory = instance.memory[action.stage];
      if (action.kind == ActionKind::kForward) {
        peak = std::max(peak, held += memory.activation);
      } else if (action.kind != ActionKind::kBackwardInput) {
        held -= memory.activation;
      }
    }
    instance.memory_max[rank] = std::min(instance.memory_max[rank], peak);
  }
}

// Buffers that travel are counted when the programs are known: should those of
// the search not fit, it may hold only what the best plan holds.
void SearchPlacement(const Plan& best, const std::vector<Programs>& starts,
                     const PlanProblem& problem, PipelineInstance instance,
                     SearchedPlans& searched) {
  for (int attempt = 0; attempt < 2 && HasRoom(instance); ++attempt) {
    FoundSchedule found =
        SearchSchedule(instance, starts,
                       {.objective = best.spec.parallelism.optimistic_update
                                         ? Objective::kSpan
                                         : Objective::kMakespan,
                        .evaluations = Evaluations(instance)});
    searched.schedules += found.evaluations;
    if (found.programs.empty()) return;
    auto plan = problem.with_programs(best, std::move(found.programs));
    if (plan.ok()) {
      searched.plans.push_back(*std::move(plan));
      return;
    }
    if (starts.empty()) return;
    LimitMemory(starts[0], instance);
  }
}

}  // namespace

SearchedPlans SearchPlans(const std::vector<Plan>& named,
                          const PlanProblem& problem) {
  SearchedPlans searched;
  for (const Plan* best : Placements(named)) {
    const PipelineInstance instance = problem.instance(*best);
    if (Evaluations(instance) == 0) continue;
    const absl::Duration bound =
        absl::Seconds(LowerBound(instance, Objective::kMakespan));
    searched.lower_bound =
        std::min(bound, searched.lower_bound.value_or(bound));
    std::vector<Programs> starts;
    for (const Plan& plan : named) {
      if (HaveSameStages(plan, *best) && SumsInOrder(plan)) {
        starts.push_back(PassesOf(plan));
      }
    }
    SearchPlacement(*best, starts, problem, instance, searched);
  }
  return searched;
}

}  // namespace penstock
