#include "coordinator/planner/hop_times.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "coordinator/planner/median.h"
#include "coordinator/planner/plan_trace.h"

namespace penstock {
namespace {

// A pass that begins so much later than the rank was free has waited; less is
// what the calls between two passes take.
constexpr double kWait = 30e-6;

// One tensor's way: on two clocks.
struct Crossing {
  double made = 0;   // End of the pass that made it, on the sender's clock.
  double begin = 0;  // Of the pass that took it, on the receiver's.
  bool waited = false;
};

// Of one boundary and replica, both ways.
struct Crossings {
  std::vector<Crossing> forward;
  std::vector<Crossing> backward;
};

bool MakesGradient(ActionKind kind) {
  return kind == ActionKind::kBackward || kind == ActionKind::kBackwardInput;
}

// When a tensor was made or taken: of which step, stage, micro-batch, and
// whether it is a gradient.
using TensorKey = std::tuple<int64_t, int, int, bool>;

class Collector {
 public:
  explicit Collector(const Plan& plan) : plan_(plan) {}

  void Add(const StepTrace& trace) {
    const std::vector<Action>& program = plan_.ranks[trace.rank].program;
    double free = 0;
    for (size_t i = 0; i < program.size(); ++i) {
      const Action& action = program[i];
      const double begin = BeginOf(trace, i);
      const bool gradient = MakesGradient(action.kind);
      if (action.kind == ActionKind::kForward || gradient) {
        const TensorKey key{trace.step, action.stage, action.microbatch,
                            gradient};
        made_[trace.replica][key] = EndOf(trace, i);
        taken_[trace.replica][key] = {begin, i > 0 && begin - free > kWait};
      }
      free = EndOf(trace, i);
    }
  }

  // By replica.
  std::map<int, Crossings> Of(int boundary) const {
    std::map<int, Crossings> found;
    for (const auto& [replica, taken] : taken_) {
      const auto& made = made_.at(replica);
      for (const auto& [key, begin] : taken) {
        const auto& [step, stage, microbatch, gradient] = key;
        if (stage != (gradient ? boundary : boundary + 1)) continue;
        const auto end = made.find(
            {step, gradient ? stage + 1 : stage - 1, microbatch, gradient});
        if (end == made.end()) continue;
        Crossings& crossings = found[replica];
        (gradient ? crossings.backward : crossings.forward)
            .push_back({end->second, begin.first, begin.second});
      }
    }
    return found;
  }

 private:
  const Plan& plan_;
  std::map<int, std::map<TensorKey, double>> made_;
  std::map<int, std::map<TensorKey, std::pair<double, bool>>> taken_;
};

double Shortest(const std::vector<Crossing>& crossings) {
  double shortest = std::numeric_limits<double>::infinity();
  for (const Crossing& crossing : crossings) {
    shortest = std::min(shortest, crossing.begin - crossing.made);
  }
  return shortest;
}

// By how much the clock after the boundary is ahead of the one before it.
std::optional<double> ClockAhead(const Crossings& crossings) {
  if (crossings.forward.empty() || crossings.backward.empty()) {
    return std::nullopt;
  }
  const double there = Shortest(crossings.forward);
  const double back = Shortest(crossings.backward);
  if (there >= 0 && back >= 0) return 0;
  return (there - back) / 2;
}

// Adds the waits of one replica; gives an upper bound when there are none.
double AddWaits(const std::vector<Crossing>& crossings, double ahead,
                std::vector<double>& waits) {
  for (const Crossing& crossing : crossings) {
    if (crossing.waited) {
      waits.push_back(std::max(0.0, crossing.begin - crossing.made - ahead));
    }
  }
  return std::max(0.0, Shortest(crossings) - ahead);
}

}  // namespace

double HopTime::latency() const {
  const int waits = forward_waits + backward_waits;
  if (waits == 0) return std::min(forward, backward);
  return (forward * forward_waits + backward * backward_waits) / waits;
}

HopTimes MeasureHops(const Plan& plan, std::span<const StepTrace> traces) {
  Collector collector(plan);
  for (const StepTrace& trace : traces) {
    if (IsTraceOf(plan, trace)) collector.Add(trace);
  }
  HopTimes times{.clock_offsets = std::vector<double>(plan.ranks.size())};
  std::vector<bool> known(plan.ranks.size());
  known[plan.stages.front().rank] = true;
  const size_t slices = plan.stages.size() / static_cast<size_t>(plan.copies);
  for (size_t stage = 0; stage + 1 < plan.stages.size(); ++stage) {
    HopTime& hop = times.hops.emplace_back();
    const int before = plan.stages[stage].rank;
    const int after = plan.stages[stage + 1].rank;
    // Between two copies there is no boundary.
    if (before == after || (stage + 1) % slices == 0) continue;
    std::vector<double> forward;
    std::vector<double> backward;
    double forward_most = std::numeric_limits<double>::infinity();
    double backward_most = forward_most;
    for (const auto& [replica, crossings] :
         collector.Of(static_cast<int>(stage))) {
      const std::optional<double> ahead = ClockAhead(crossings);
      if (!ahead.has_value()) continue;
      forward_most =
          std::min(forward_most, AddWaits(crossings.forward, *ahead, forward));
      backward_most = std::min(backward_most,
                               AddWaits(crossings.backward, -*ahead, backward));
      if (replica == 0 && known[before] && !known[after]) {
        times.clock_offsets[after] = times.clock_offsets[before] - *ahead;
        known[after] = true;
      }
    }
    hop = {.forward = Median(forward, forward_most),
           .backward = Median(backward, backward_most),
           .forward_waits = static_cast<int>(forward.size()),
           .backward_waits = static_cast<int>(backward.size())};
  }
  return times;
}

}  // namespace penstock
