#include "coordinator/planner/alternatives.h"

#include <algorithm>
#include <utility>

#include "coordinator/planner/fit.h"
#include "coordinator/planner/memory_forecast.h"
#include "coordinator/planner/planner.h"
#include "coordinator/planner/schedule_of_job.h"
#include "coordinator/schedule/simulate.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

// Deeper warm-ups than three times 1F1B's hide no hop of practice.
constexpr int64_t kSlackMax = 3;

// Of a generator that searches: a job goes on meanwhile, its coordinator not.
constexpr int kEvaluations = 100;

// A schedule to try: a name and what it is told.
struct Variant {
  std::string name;
  int64_t slack = 0;
  std::string text;
};

std::vector<Variant> Variants() {
  std::vector<Variant> variants;
  for (const std::string_view name : kScheduleNames) {
    variants.push_back({.name = std::string(name), .text = std::string(name)});
    if (name != "1f1b-slack") continue;
    for (int64_t slack = 2; slack <= kSlackMax; ++slack) {
      variants.push_back({.name = std::string(name),
                          .slack = slack,
                          .text = fmt::format("{}, slack {}", name, slack)});
    }
  }
  return variants;
}

// The micro-batches of each stage in the order in which their gradients are
// summed: with the same order the weights have the same bits.
std::vector<std::vector<int>> OrderOfSums(const Schedule& schedule) {
  std::vector<std::vector<int>> order(schedule.rank_of_stage.size());
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (action.kind == ActionKind::kBackward ||
          action.kind == ActionKind::kBackwardWeight) {
        order[action.stage].push_back(action.microbatch);
      }
    }
  }
  return order;
}

// Several weight versions are another optimizer.
bool HasVersions(const Schedule& schedule) {
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (action.kind == ActionKind::kUpdate) return true;
    }
  }
  return false;
}

bool HasStagesOf(const Schedule& schedule, const Plan& plan) {
  return schedule.copies == plan.copies && schedule.pieces == plan.pieces &&
         std::equal(schedule.rank_of_stage.begin(),
                    schedule.rank_of_stage.end(), plan.stages.begin(),
                    plan.stages.end(), [](int rank, const StagePlan& stage) {
                      return rank == stage.rank;
                    });
}

std::vector<int64_t> CutsOf(const Plan& plan) {
  std::vector<int64_t> cuts = {0};
  for (int stage = 0; stage < StagesPerCopy(plan); ++stage) {
    cuts.push_back(plan.stages[stage].unit_end);
  }
  return cuts;
}

absl::Duration Seconds(double seconds) { return absl::Seconds(seconds); }

// What the profile says of the stages, into the plan's forecasts.
void Forecast(const Profile& profile, Plan& plan) {
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    StagePlan& stage = plan.stages[i];
    const StageTimes& times = profile.costs.stages[i];
    stage.forward = Seconds(times.forward);
    stage.input_gradient = Seconds(times.input_gradient);
    stage.weight_gradient = Seconds(times.weight_gradient);
    if (i + 1 == plan.stages.size()) continue;
    stage.hop_latency = Seconds(profile.costs.hops[i].latency);
    stage.hop_occupancy = Seconds(profile.costs.hops[i].occupancy);
  }
}

// Makes and measures the alternatives of one plan.
class Alternatives {
 public:
  Alternatives(const Plan& plan, const Profile& profile,
               const std::vector<int64_t>& memory_bytes)
      : plan_(plan),
        profile_(profile),
        memory_bytes_(memory_bytes),
        cuts_(CutsOf(plan)),
        sums_(OrderOfSums(ScheduleOf(plan))),
        forecast_(PlanCosts(plan)) {}

  absl::StatusOr<std::vector<Alternative>> Find() {
    ASSIGN_OR_RETURN(const Simulation now,
                     Simulate(ScheduleOf(plan_), profile_.costs));
    // Calls between the passes, and what no model knows.
    beyond_ = std::max(0.0, profile_.step - now.makespan);
    std::vector<Alternative> found;
    found.push_back(Measured(plan_.schedule, plan_, now));
    for (const Variant& variant : Variants()) {
      RETURN_IF_ERROR(Try(variant, found));
    }
    return found;
  }

 private:
  absl::Status Try(const Variant& variant, std::vector<Alternative>& found) {
    JobSpec spec = plan_.spec;
    spec.parallelism.schedule = variant.name;
    spec.parallelism.slack = variant.slack;
    absl::StatusOr<JobSchedule> made = ScheduleOfJob(
        spec, {.costs = profile_.costs, .evaluations = kEvaluations});
    // Not defined for this job, or not with what it is told.
    if (!made.ok() || !HasStagesOf(made->schedule, plan_) ||
        HasVersions(made->schedule) || OrderOfSums(made->schedule) != sums_) {
      return absl::OkStatus();
    }
    Plan plan = plan_;
    const ModelMemory model =
        MemoryOfModel(plan.spec, plan.copies, plan.pieces);
    for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
      const MemoryForecast memory =
          ForecastRank(model, *made, static_cast<int>(rank), cuts_);
      if (memory.total() > memory_bytes_[rank]) return absl::OkStatus();
      plan.ranks[rank] = {.program = std::move(made->schedule.programs[rank]),
                          .buffers = std::move(made->buffers[rank]),
                          .memory = memory};
    }
    ASSIGN_OR_RETURN(const Simulation simulation,
                     Simulate(ScheduleOf(plan), profile_.costs));
    found.push_back(Measured(variant.text, std::move(plan), simulation));
    return absl::OkStatus();
  }

  Alternative Measured(const std::string& schedule, Plan plan,
                       const Simulation& simulation) const {
    const double step = simulation.makespan + beyond_;
    Forecast(profile_, plan);
    plan.schedule = schedule;
    plan.step_time = Seconds(step);
    double busy = 0;
    for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
      // The agreement is not work; the update is.
      busy +=
          simulation.busy[rank] - profile_.costs.optimizer[rank] +
          std::min(forecast_.optimizer[rank], profile_.costs.optimizer[rank]);
    }
    plan.bubble_fraction = std::clamp(
        1 - busy / (step * static_cast<double>(plan.ranks.size())), 0.0, 1.0);
    return {.schedule = schedule, .step = step, .plan = std::move(plan)};
  }

  const Plan& plan_;
  const Profile& profile_;
  const std::vector<int64_t>& memory_bytes_;
  const std::vector<int64_t> cuts_;
  const std::vector<std::vector<int>> sums_;
  const ScheduleCosts forecast_;
  double beyond_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<Alternative>> FindAlternatives(
    const Plan& plan, const Profile& profile,
    const std::vector<int64_t>& memory_bytes) {
  return Alternatives(plan, profile, memory_bytes).Find();
}

}  // namespace penstock
