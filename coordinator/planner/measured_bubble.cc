#include "coordinator/planner/measured_bubble.h"

#include <algorithm>
#include <limits>

#include "coordinator/planner/plan_trace.h"
#include "coordinator/planner/planner.h"
#include "coordinator/schedule/dependencies.h"

namespace penstock {
namespace {

bool MakesGradient(ActionKind kind) {
  return kind == ActionKind::kBackward || kind == ActionKind::kBackwardInput;
}

// One step on one clock.
class StepBubble {
 public:
  StepBubble(const Plan& plan, const Profile& profile,
             std::span<const StepTrace> traces)
      : schedule_(ScheduleOf(plan)),
        topology_(schedule_),
        profile_(profile),
        traces_(traces) {
    made_.forward.resize(topology_.cells());
    made_.backward.resize(topology_.cells());
    for (const StepTrace& trace : traces_) AddRank(trace);
    arrivals_ = made_;
    AddHops();
  }

  MeasuredRank Of(const StepTrace& trace) const {
    const std::vector<Action>& program = schedule_.programs[trace.rank];
    MeasuredRank rank;
    std::vector<Wait> waits;
    double first = std::numeric_limits<double>::infinity();
    double last = begin_;
    for (size_t i = 0; i < program.size(); ++i) {
      if (!IsCompute(program[i].kind)) continue;
      const double begin = Begin(trace, i);
      const double end = End(trace, i);
      if (rank.busy > 0) AddWait(trace, i, begin, waits);
      rank.busy += end - begin;
      first = std::min(first, begin);
      last = std::max(last, end);
    }
    rank.causes =
        ExplainWaits(schedule_, topology_, arrivals_, trace.rank, waits);
    rank.causes.fill += std::max(0.0, first - begin_);
    rank.causes.drain += std::max(0.0, optimizer_ - last);
    return rank;
  }

 private:
  double Begin(const StepTrace& trace, size_t i) const {
    return BeginOf(trace, i) + profile_.hops.clock_offsets[trace.rank];
  }
  double End(const StepTrace& trace, size_t i) const {
    return EndOf(trace, i) + profile_.hops.clock_offsets[trace.rank];
  }

  void AddRank(const StepTrace& trace) {
    const std::vector<Action>& program = schedule_.programs[trace.rank];
    for (size_t i = 0; i < program.size(); ++i) {
      if (program[i].kind == ActionKind::kForward) {
        made_.forward[topology_.Cell(program[i])] = End(trace, i);
      } else if (MakesGradient(program[i].kind)) {
        made_.backward[topology_.Cell(program[i])] = End(trace, i);
      } else if (program[i].kind == ActionKind::kOptimizer) {
        optimizer_ = std::max(optimizer_, Begin(trace, i));
      }
    }
    begin_ = std::min(begin_, Begin(trace, 0));
  }

  void AddHops() {
    for (int stage = 0; stage < schedule_.stages(); ++stage) {
      const StageLinks& links = topology_[stage];
      const size_t first =
          topology_.cells_per_stage() * static_cast<size_t>(stage);
      for (size_t i = first; i < first + topology_.cells_per_stage(); ++i) {
        if (links.crosses_after) arrivals_.forward[i] += HopTime(stage);
        if (links.crosses_before) arrivals_.backward[i] += HopTime(stage - 1);
      }
    }
  }

  double HopTime(int boundary) const {
    const Hop& hop = profile_.costs.hops[boundary];
    return hop.latency + hop.occupancy;
  }

  // Since the action before.
  void AddWait(const StepTrace& trace, size_t i, double begin,
               std::vector<Wait>& waits) const {
    const Action& action = schedule_.programs[trace.rank][i];
    const size_t cell = topology_.Cell(action);
    const InputFrom from = InputOf(topology_[action.stage], action.kind);
    if (from == InputFrom::kNowhere) return;
    const double free = End(trace, i - 1);
    if (begin <= free) return;
    waits.push_back({.index = i,
                     .begin = free,
                     .made = from == InputFrom::kBefore
                                 ? made_.forward[topology_.CellBefore(cell)]
                                 : made_.backward[topology_.CellAfter(cell)],
                     .end = begin});
  }

  const Schedule schedule_;
  const Topology topology_;
  const Profile& profile_;
  const std::span<const StepTrace> traces_;
  Arrivals made_;
  Arrivals arrivals_;
  double begin_ = std::numeric_limits<double>::infinity();
  double optimizer_ = 0;  // When the last rank came to it.
};

}  // namespace

std::vector<MeasuredRank> MeasureBubble(const Plan& plan,
                                        const Profile& profile,
                                        std::span<const StepTrace> traces) {
  const StepBubble step(plan, profile, traces);
  std::vector<MeasuredRank> ranks;
  for (const StepTrace& trace : traces) ranks.push_back(step.Of(trace));
  return ranks;
}

}  // namespace penstock
