#include "coordinator/planner/profile.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "coordinator/planner/median.h"
#include "coordinator/planner/plan_trace.h"

namespace penstock {
namespace {

// So many steps, and the first is left out.
constexpr size_t kStepsWithWarmUp = 3;

// The traces of one step, by replica and rank.
using StepTraces = std::map<std::pair<int, int>, const StepTrace*>;

std::map<int64_t, StepTraces> CompleteSteps(const Plan& plan,
                                            std::span<const StepTrace> traces) {
  std::map<int64_t, StepTraces> steps;
  for (const StepTrace& trace : traces) {
    if (!IsTraceOf(plan, trace)) continue;
    steps[trace.step][{trace.replica, trace.rank}] = &trace;
  }
  const size_t ranks =
      plan.ranks.size() * static_cast<size_t>(plan.spec.parallelism.data);
  std::erase_if(
      steps, [ranks](const auto& step) { return step.second.size() < ranks; });
  if (steps.size() >= kStepsWithWarmUp) steps.erase(steps.begin());
  return steps;
}

// Durations of the passes of one stage, by kind.
struct PassTimes {
  std::vector<double> forward;
  std::vector<double> backward;
  std::vector<double> input_gradient;
  std::vector<double> weight_gradient;
  std::vector<double> recompute;

  std::vector<double>* Of(ActionKind kind) {
    switch (kind) {
      case ActionKind::kForward:
        return &forward;
      case ActionKind::kBackward:
        return &backward;
      case ActionKind::kBackwardInput:
        return &input_gradient;
      case ActionKind::kBackwardWeight:
        return &weight_gradient;
      case ActionKind::kRecompute:
        return &recompute;
      default:
        return nullptr;
    }
  }

  void Into(StageTimes& times) const {
    times.forward = Median(forward, times.forward);
    times.recompute = Median(recompute, times.recompute);
    if (!input_gradient.empty() || backward.empty()) {
      times.input_gradient = Median(input_gradient, times.input_gradient);
      times.weight_gradient = Median(weight_gradient, times.weight_gradient);
      return;
    }
    const double whole = Median(backward, 0);
    const double forecast = times.input_gradient + times.weight_gradient;
    times.input_gradient =
        forecast > 0 ? whole * times.input_gradient / forecast : whole / 2;
    times.weight_gradient = whole - times.input_gradient;
  }
};

void MeasureStages(const Plan& plan, const std::map<int64_t, StepTraces>& steps,
                   Profile& profile) {
  std::vector<PassTimes> times(plan.stages.size());
  std::vector<std::vector<double>> busy(plan.ranks.size());
  for (const auto& [step, traces] : steps) {
    for (const auto& [place, trace] : traces) {
      const std::vector<Action>& program = plan.ranks[trace->rank].program;
      double sum = 0;
      for (size_t i = 0; i < program.size(); ++i) {
        if (!IsCompute(program[i].kind)) continue;
        const double duration = EndOf(*trace, i) - BeginOf(*trace, i);
        sum += duration;
        if (auto* of_kind = times[program[i].stage].Of(program[i].kind)) {
          of_kind->push_back(duration);
        }
      }
      busy[trace->rank].push_back(sum);
    }
  }
  for (size_t stage = 0; stage < times.size(); ++stage) {
    times[stage].Into(profile.costs.stages[stage]);
  }
  for (std::vector<double>& of_rank : busy) {
    profile.busy.push_back(Median(std::move(of_rank), 0));
  }
}

// The last rank to come to OPTIMIZER waits for none of the others there.
void MeasureOptimizer(const Plan& plan,
                      const std::map<int64_t, StepTraces>& steps,
                      Profile& profile) {
  std::vector<double> shortest;
  for (const auto& [step, traces] : steps) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [place, trace] : traces) {
      const size_t last = trace->end_us.size() - 1;
      if (plan.ranks[trace->rank].program[last].kind !=
          ActionKind::kOptimizer) {
        continue;
      }
      least = std::min(least, EndOf(*trace, last) - BeginOf(*trace, last));
    }
    if (least < std::numeric_limits<double>::infinity()) {
      shortest.push_back(least);
    }
  }
  for (double& time : profile.costs.optimizer) time = Median(shortest, time);
}

void MeasureSteps(const std::map<int64_t, StepTraces>& steps,
                  Profile& profile) {
  std::vector<double> periods;
  std::map<std::pair<int, int>, std::vector<double>> gaps;
  std::vector<double> lengths;
  for (const auto& [step, traces] : steps) {
    const auto next = steps.find(step + 1);
    for (const auto& [place, trace] : traces) {
      const double start = static_cast<double>(trace->start_us) / 1e6;
      const double end = EndOf(*trace, trace->end_us.size() - 1);
      lengths.push_back(end - start);
      if (next == steps.end()) continue;
      const double after =
          static_cast<double>(next->second.at(place)->start_us) / 1e6;
      periods.push_back(after - start);
      gaps[place].push_back(after - end);
    }
  }
  for (auto& [place, of_rank] : gaps) {
    profile.between_steps =
        std::max(profile.between_steps, Median(std::move(of_rank), 0));
  }
  profile.step = Median(std::move(periods), Median(std::move(lengths), 0));
}

}  // namespace

absl::StatusOr<Profile> MeasureProfile(const Plan& plan,
                                       const ScheduleCosts& forecast,
                                       std::span<const StepTrace> traces) {
  if (plan.pieces > 1) {
    return absl::UnimplementedError(
        "passes over pieces of a sequence differ in length and are not "
        "profiled");
  }
  const std::map<int64_t, StepTraces> steps = CompleteSteps(plan, traces);
  if (steps.empty()) {
    return absl::FailedPreconditionError(
        "no step has been traced by every rank of this plan yet");
  }
  Profile profile{.steps = static_cast<int>(steps.size()), .costs = forecast};
  MeasureStages(plan, steps, profile);
  MeasureOptimizer(plan, steps, profile);
  MeasureSteps(steps, profile);
  std::vector<StepTrace> used;
  for (const auto& [step, of_ranks] : steps) {
    for (const auto& [place, trace] : of_ranks) used.push_back(*trace);
  }
  profile.hops = MeasureHops(plan, used);
  for (size_t i = 0; i < profile.hops.hops.size(); ++i) {
    const HopTime& measured = profile.hops.hops[i];
    Hop& hop = profile.costs.hops[i];
    const double whole = hop.latency + hop.occupancy;
    const double most = measured.whole();
    if (measured.separated) hop.occupancy = measured.occupancy;
    if (measured.measured() || most < whole) {
      hop.occupancy = std::min(hop.occupancy, most);
      hop.latency = most - hop.occupancy;
    }
  }
  return profile;
}

}  // namespace penstock
