#include "coordinator/planner/explain.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "coordinator/planner/alternatives.h"
#include "coordinator/planner/measured_bubble.h"
#include "coordinator/planner/plan_trace.h"
#include "coordinator/planner/planner.h"
#include "coordinator/planner/profile.h"
#include "coordinator/schedule/simulate.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// A gain that is worth a word.
constexpr double kGainMin = 0.02;

BubbleCauses Scaled(const BubbleCauses& causes, double factor) {
  return {.fill = causes.fill * factor,
          .drain = causes.drain * factor,
          .latency = causes.latency * factor,
          .memory = causes.memory * factor,
          .imbalance = causes.imbalance * factor};
}

void Add(const BubbleCauses& causes, BubbleCauses& sum) {
  sum.fill += causes.fill;
  sum.drain += causes.drain;
  sum.latency += causes.latency;
  sum.memory += causes.memory;
  sum.imbalance += causes.imbalance;
}

// Of a step, or of more if busy and waiting times are more: those are means,
// and the step a median.
RankShares SharesOf(double busy, const BubbleCauses& causes, double step) {
  step = std::max(step, busy + causes.total());
  RankShares shares{.busy = busy / step, .causes = Scaled(causes, 1 / step)};
  shares.other = std::max(0.0, 1 - shares.busy - shares.causes.total());
  return shares;
}

absl::StatusOr<StepExplanation> ExplainPlanned(const Plan& plan) {
  const ScheduleCosts costs = PlanCosts(plan);
  ASSIGN_OR_RETURN(
      const Simulation simulation,
      Simulate(ScheduleOf(plan), costs, {.explain_bubbles = true}));
  StepExplanation explanation{
      .step =
          std::max(simulation.makespan, absl::ToDoubleSeconds(plan.step_time)),
      .costs = costs};
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    explanation.ranks.push_back(
        SharesOf(simulation.busy[rank] - costs.optimizer[rank],
                 simulation.bubbles[rank], explanation.step));
  }
  return explanation;
}

// The first replica's traces of each step that all ranks have traced.
std::vector<std::vector<StepTrace>> StepsOf(const Plan& plan,
                                            std::span<const StepTrace> traces) {
  std::map<int64_t, std::map<int, StepTrace>> by_step;
  for (const StepTrace& trace : traces) {
    if (!IsTraceOf(plan, trace) || trace.replica != 0) continue;
    by_step[trace.step][trace.rank] = trace;
  }
  std::vector<std::vector<StepTrace>> steps;
  for (const auto& [step, by_rank] : by_step) {
    if (by_rank.size() != plan.ranks.size()) continue;
    std::vector<StepTrace>& ranks = steps.emplace_back();
    for (const auto& [rank, trace] : by_rank) ranks.push_back(trace);
  }
  return steps;
}

StepExplanation ExplainMeasured(const Plan& plan, const Profile& profile,
                                std::span<const StepTrace> traces) {
  std::vector<std::vector<StepTrace>> steps = StepsOf(plan, traces);
  // As the profile does.
  if (static_cast<int>(steps.size()) > profile.steps) {
    steps.erase(steps.begin());
  }
  std::vector<MeasuredRank> sums(plan.ranks.size());
  for (const std::vector<StepTrace>& step : steps) {
    const std::vector<MeasuredRank> ranks = MeasureBubble(plan, profile, step);
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      sums[rank].busy += ranks[rank].busy;
      Add(ranks[rank].causes, sums[rank].causes);
    }
  }
  StepExplanation explanation{.step = profile.step, .costs = profile.costs};
  const double all = profile.step * static_cast<double>(steps.size());
  for (const MeasuredRank& sum : sums) {
    explanation.ranks.push_back(SharesOf(sum.busy, sum.causes, all));
  }
  return explanation;
}

struct LargestCause {
  int rank = 0;
  double share = 0;
  int cause = 0;  // Index in kCauses.
};

struct Cause {
  double BubbleCauses::*member;
  std::string_view does;  // "rank 2 <does> 31 % of the step"
  std::string_view remedy;
};

constexpr std::array<Cause, 5> kCauses = {{
    {&BubbleCauses::fill, "waits for the pipeline to fill",
     "more micro-batches per step make it a smaller part"},
    {&BubbleCauses::drain, "waits for the pipeline to drain",
     "more micro-batches per step make it a smaller part"},
    {&BubbleCauses::latency, "waits for transfers",
     "larger micro-batches have fewer of them"},
    {&BubbleCauses::memory, "could do later work but may not hold it",
     "more memory, or recompute, allows a deeper warm-up"},
    {&BubbleCauses::imbalance, "waits for slower ranks",
     "another partition would even out their stages"},
}};

LargestCause FindLargest(const std::vector<RankShares>& ranks) {
  LargestCause largest;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    for (size_t cause = 0; cause < kCauses.size(); ++cause) {
      const double share = ranks[rank].causes.*kCauses[cause].member;
      if (share <= largest.share) continue;
      largest = {static_cast<int>(rank), share, static_cast<int>(cause)};
    }
  }
  return largest;
}

// "stage 2 takes 40 % more than the mean" when one stands out.
std::string SlowestStage(const ScheduleCosts& costs) {
  double sum = 0;
  double most = 0;
  size_t slowest = 0;
  for (size_t i = 0; i < costs.stages.size(); ++i) {
    const StageTimes& times = costs.stages[i];
    const double time =
        times.forward + times.input_gradient + times.weight_gradient;
    sum += time;
    if (time > most) slowest = i;
    most = std::max(most, time);
  }
  const double mean = sum / static_cast<double>(costs.stages.size());
  if (most < (1 + kGainMin) * mean) return "";
  return fmt::format("; stage {} takes {:.0f} % longer than the mean", slowest,
                     100 * (most / mean - 1));
}

// The remedy: another schedule of the same stages, if one is faster.
std::string Remedy(const Plan& plan, const Profile& profile,
                   const LargestCause& largest) {
  const std::vector<int64_t> unlimited(plan.ranks.size(),
                                       std::numeric_limits<int64_t>::max());
  const auto found = FindAlternatives(plan, profile, unlimited);
  if (found.ok()) {
    const auto best = std::min_element(
        found->begin(), found->end(),
        [](const auto& a, const auto& b) { return a.step < b.step; });
    const double gain = 1 - best->step / found->front().step;
    if (gain > kGainMin) {
      int64_t more = 0;
      for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
        more = std::max(more, best->plan.ranks[rank].memory.total() -
                                  plan.ranks[rank].memory.total());
      }
      const std::string memory =
          more >= 1 << 20 ? fmt::format(" for {} MiB more a rank", more >> 20)
                          : "";
      return fmt::format("schedule {} would save {:.0f} %{}", best->schedule,
                         100 * gain, memory);
    }
  }
  return std::string(kCauses[largest.cause].remedy);
}

std::string Advise(const Plan& plan, const Profile& profile,
                   const StepExplanation& step) {
  const LargestCause largest = FindLargest(step.ranks);
  if (largest.share < kGainMin) {
    return "no rank waits for anything worth a change";
  }
  const Cause& cause = kCauses[largest.cause];
  const bool imbalance = cause.member == &BubbleCauses::imbalance;
  return fmt::format("rank {} {} {:.0f} % of the step{}: {}", largest.rank,
                     cause.does, 100 * largest.share,
                     imbalance ? SlowestStage(step.costs) : "",
                     Remedy(plan, profile, largest));
}

}  // namespace

absl::StatusOr<Explanation> Explain(const Plan& plan,
                                    std::span<const StepTrace> traces) {
  Explanation explanation;
  ASSIGN_OR_RETURN(explanation.planned, ExplainPlanned(plan));
  const absl::StatusOr<Profile> profile =
      MeasureProfile(plan, explanation.planned.costs, traces);
  if (!profile.ok()) {
    // Nothing was measured yet: the forecasts have the word.
    const Profile forecast{.costs = explanation.planned.costs,
                           .step = explanation.planned.step};
    explanation.advice = Advise(plan, forecast, explanation.planned);
    return explanation;
  }
  explanation.steps = profile->steps;
  explanation.measured = ExplainMeasured(plan, *profile, traces);
  for (const HopTime& hop : profile->hops.hops) {
    explanation.hops_separated.push_back(hop.separated);
  }
  explanation.advice = Advise(plan, *profile, explanation.measured);
  return explanation;
}

}  // namespace penstock
