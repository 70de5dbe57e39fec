#include "coordinator/planner/hop_times.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "coordinator/planner/link_fit.h"
#include "coordinator/planner/median.h"
#include "coordinator/planner/plan_trace.h"

namespace penstock {
namespace {

// A pass that begins so much later than the rank was free has waited; less is
// what the calls between two passes take.
constexpr double kWait = 30e-6;

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

// Replica, and the ranks that it leads from and to.
using EdgeKey = std::tuple<int, int, int>;

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
    ForEach([&](int replica, const TensorKey& key, const Crossing& crossing) {
      const auto& [step, stage, microbatch, gradient] = key;
      if (stage != (gradient ? boundary : boundary + 1)) return;
      Crossings& crossings = found[replica];
      (gradient ? crossings.backward : crossings.forward).push_back(crossing);
    });
    return found;
  }

  // Of each directed edge: several boundaries may share one.
  std::map<EdgeKey, LinkFit> Fits() const {
    std::map<EdgeKey, std::map<int64_t, std::vector<Crossing>>> steps;
    ForEach([&](int replica, const TensorKey& key, const Crossing& crossing) {
      const auto& [step, stage, microbatch, gradient] = key;
      const int from = plan_.stages[gradient ? stage + 1 : stage - 1].rank;
      const int to = plan_.stages[stage].rank;
      if (from != to) steps[{replica, from, to}][step].push_back(crossing);
    });
    std::map<EdgeKey, LinkFit> fits;
    for (auto& [edge, by_step] : steps) {
      std::vector<std::vector<Crossing>> crossings;
      for (auto& [step, of_step] : by_step) {
        crossings.push_back(std::move(of_step));
      }
      fits[edge] = FitLink(std::move(crossings));
    }
    return fits;
  }

 private:
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& [replica, taken] : taken_) {
      const auto& made = made_.at(replica);
      for (const auto& [key, begin] : taken) {
        const auto& [step, stage, microbatch, gradient] = key;
        const auto end = made.find(
            {step, gradient ? stage + 1 : stage - 1, microbatch, gradient});
        if (end == made.end()) continue;
        visit(replica, key, Crossing{end->second, begin.first, begin.second});
      }
    }
  }

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

// Of one direction of one boundary, over all replicas.
struct Way {
  std::vector<double> waits;
  std::vector<double> occupancies;  // Where they show.
  double most = std::numeric_limits<double>::infinity();

  // Of one replica, whose receiver's clock is `ahead`.
  void Add(const std::vector<Crossing>& crossings, double ahead,
           const LinkFit& fit) {
    for (const Crossing& crossing : crossings) {
      if (!crossing.waited) continue;
      // Without the time that it had to queue, where that is known.
      const double way =
          fit.separated ? fit.whole : crossing.begin - crossing.made;
      waits.push_back(std::max(0.0, way - ahead));
    }
    if (fit.separated) occupancies.push_back(fit.occupancy);
    most = std::min(most, std::max(0.0, Shortest(crossings) - ahead));
  }
};

}  // namespace

double HopTime::whole() const {
  const int waits = forward_waits + backward_waits;
  if (waits == 0) return std::min(forward, backward);
  return (forward * forward_waits + backward * backward_waits) / waits;
}

HopTimes MeasureHops(const Plan& plan, std::span<const StepTrace> traces) {
  Collector collector(plan);
  for (const StepTrace& trace : traces) {
    if (IsTraceOf(plan, trace)) collector.Add(trace);
  }
  const std::map<EdgeKey, LinkFit> fits = collector.Fits();
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
    Way forward;
    Way backward;
    for (const auto& [replica, crossings] :
         collector.Of(static_cast<int>(stage))) {
      const std::optional<double> ahead = ClockAhead(crossings);
      if (!ahead.has_value()) continue;
      forward.Add(crossings.forward, *ahead, fits.at({replica, before, after}));
      backward.Add(crossings.backward, -*ahead,
                   fits.at({replica, after, before}));
      if (replica == 0 && known[before] && !known[after]) {
        times.clock_offsets[after] = times.clock_offsets[before] - *ahead;
        known[after] = true;
      }
    }
    hop = {.forward = Median(forward.waits, forward.most),
           .backward = Median(backward.waits, backward.most),
           .forward_waits = static_cast<int>(forward.waits.size()),
           .backward_waits = static_cast<int>(backward.waits.size())};
    std::vector<double>& occupancies = forward.occupancies;
    occupancies.insert(occupancies.end(), backward.occupancies.begin(),
                       backward.occupancies.end());
    hop.separated = !occupancies.empty();
    hop.occupancy = std::min(hop.whole(), Median(occupancies, 0));
  }
  return times;
}

}  // namespace penstock
