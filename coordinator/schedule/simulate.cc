#include "coordinator/schedule/simulate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "coordinator/schedule/dependencies.h"
#include "coordinator/schedule/recomputed.h"
#include "coordinator/schedule/reductions.h"
#include "coordinator/schedule/walk.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Ends before time begins: not executed yet.
constexpr double kNever = -1;

bool IsTime(double value) { return std::isfinite(value) && value >= 0; }
bool IsTimeOrDefault(double value) { return value < 0 || IsTime(value); }

absl::Status CheckCosts(const Schedule& schedule, const ScheduleCosts& costs) {
  const size_t stages = schedule.rank_of_stage.size();
  if (stages == 0 || costs.stages.size() != stages ||
      costs.hops.size() != stages - 1 ||
      (!costs.optimizer.empty() &&
       costs.optimizer.size() != schedule.programs.size())) {
    return absl::InvalidArgumentError(fmt::format(
        "costs of {} stages, {} hops and {} optimizers for a schedule of {} "
        "stages and {} ranks",
        costs.stages.size(), costs.hops.size(), costs.optimizer.size(), stages,
        schedule.programs.size()));
  }
  if (!costs.piece_shares.empty() &&
      costs.piece_shares.size() != static_cast<size_t>(schedule.pieces)) {
    return absl::InvalidArgumentError(
        fmt::format("shares of {} pieces for a schedule of {}",
                    costs.piece_shares.size(), schedule.pieces));
  }
  bool valid = IsTime(costs.tied);
  for (const StageTimes& times : costs.stages) {
    valid = valid && IsTime(times.forward) && IsTime(times.input_gradient) &&
            IsTime(times.weight_gradient) && IsTime(times.reduce) &&
            IsTimeOrDefault(times.overlapped_pair) &&
            IsTimeOrDefault(times.recompute);
  }
  for (const Hop& hop : costs.hops) {
    valid = valid && IsTime(hop.latency) && IsTime(hop.occupancy);
  }
  for (const double time : costs.optimizer) valid = valid && IsTime(time);
  for (const double share : costs.piece_shares) valid = valid && IsTime(share);
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "costs must be finite and not below 0, every one of them");
}

struct RankState {
  double free = 0;  // When the rank can begin its next action.
  double first_start = kNever;
  double compute_end = 0;
  double busy = 0;
  int held = 0;  // Activations.
  int peak = 0;
  int stages = 0;
  bool optimizer = false;
  std::vector<Wait> waits;
};

// A directed edge between two ranks, and how a stage uses it.
struct Transfer {
  int edge = -1;  // -1: it stays on the rank.
  Hop hop;
};

class Simulator {
 public:
  Simulator(const Schedule& schedule, const ScheduleCosts& costs,
            const SimulationOptions& options)
      : schedule_(schedule),
        costs_(costs),
        record_(options.record_actions),
        explain_(options.explain_bubbles),
        topology_(schedule),
        recomputed_(schedule, topology_),
        ranks_(schedule.programs.size()),
        reductions_(schedule.programs.size()),
        piece_shares_(costs.piece_shares) {
    const size_t cells = topology_.cells();
    arrivals_ = {std::vector<double>(cells, kNever),
                 std::vector<double>(cells, kNever)};
    if (explain_) made_ = arrivals_;
    if (record_) result_.actions.resize(ranks_.size());
    if (piece_shares_.empty()) {
      piece_shares_.assign(schedule.pieces, 1.0 / schedule.pieces);
    }
    LayEdges();
  }

  absl::StatusOr<Simulation> Run() {
    const std::vector<size_t> position = Walk(
        schedule_, topology_,
        [this](int rank, const Action* next) { return Execute(rank, next); });
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      if (position[rank] == schedule_.programs[rank].size()) continue;
      return absl::InvalidArgumentError(
          fmt::format("rank {} never gets past {}", rank,
                      ToString(schedule_.programs[rank][position[rank]])));
    }
    Optimize(Reduce());
    Summarize();
    return std::move(result_);
  }

 private:
  void LayEdges() {
    std::map<std::pair<int, int>, int> edges;
    const auto transfer = [&](int from, int to, const Hop& hop) {
      const std::pair<int, int> ranks(topology_[from].rank, topology_[to].rank);
      const int edge = static_cast<int>(edges.size());
      return Transfer{edges.try_emplace(ranks, edge).first->second, hop};
    };
    const size_t stages = schedule_.rank_of_stage.size();
    forward_.resize(stages);
    backward_.resize(stages);
    for (int stage = 0; stage < schedule_.stages(); ++stage) {
      ++ranks_[topology_[stage].rank].stages;
      if (!topology_[stage].crosses_after) continue;
      forward_[stage] = transfer(stage, stage + 1, costs_.hops[stage]);
      backward_[stage + 1] = transfer(stage + 1, stage, costs_.hops[stage]);
    }
    edge_free_.resize(edges.size());
  }

  size_t Execute(int rank, const Action* next) {
    if (IsCompute(next->kind)) return Compute(rank, next);
    RankState& state = ranks_[rank];
    ActionTime time{state.free, state.free};
    switch (next->kind) {
      case ActionKind::kReduceGradient:
      case ActionKind::kReduceCopy:
      case ActionKind::kReduceTied:
        reductions_[rank].push_back(
            {.action = *next,
             .index =
                 static_cast<size_t>(next - schedule_.programs[rank].data()),
             .issued = state.free});
        break;
      case ActionKind::kUpdate:
        updates_ = true;
        if (!costs_.optimizer.empty()) {
          time.end += costs_.optimizer[rank] / state.stages;
        }
        state.busy += time.end - time.start;
        state.free = state.compute_end = time.end;
        break;
      case ActionKind::kOptimizer:
        state.optimizer = true;
        break;
      default:
        break;
    }
    Record(rank, time);
    return 1;
  }

  // When an action's input is there; kNever if it has not been made.
  double Arrival(const Arrivals& arrivals, const Action& action,
                 size_t cell) const {
    if (action.kind == ActionKind::kForward) {
      return topology_[action.stage].has_before
                 ? arrivals.forward[topology_.CellBefore(cell)]
                 : 0;
    }
    if (action.kind == ActionKind::kRecompute ||
        action.kind == ActionKind::kBackwardWeight) {
      return 0;
    }
    return topology_[action.stage].has_after
               ? arrivals.backward[topology_.CellAfter(cell)]
               : arrivals.forward[cell];
  }

  size_t Compute(int rank, const Action* next) {
    const size_t count = next->overlaps_next ? 2 : 1;
    RankState& state = ranks_[rank];
    const size_t cell = topology_.Cell(*next);
    double ready = Arrival(arrivals_, *next, cell);
    if (ready == kNever) return 0;
    PrefetchAfter(*next, cell);
    double duration = TimeOf(*next);
    if (count == 2) {
      const double second =
          Arrival(arrivals_, next[1], topology_.Cell(next[1]));
      if (second == kNever) return 0;
      ready = std::max(ready, second);
      duration = PairTime(next);
    }
    const double start = std::max(state.free, ready);
    if (explain_ && start > state.free && state.first_start != kNever) {
      AddWait(state, rank, next, ready);
    }
    const double end = start + duration;
    for (size_t i = 0; i < count; ++i) {
      Finish(state, next[i], i == 0 ? cell : topology_.Cell(next[i]), end);
      Record(rank, {start, end});
    }
    if (state.first_start == kNever) state.first_start = start;
    state.busy += duration;
    state.free = state.compute_end = end;
    return count;
  }

  // Hints at the next cache line that the stage's next actions write.
  void PrefetchAfter(const Action& action, size_t cell) const {
    constexpr size_t kLine = 64 / sizeof(double);
    const std::vector<double>& made = action.kind == ActionKind::kForward
                                          ? arrivals_.forward
                                          : arrivals_.backward;
    if (cell + kLine < made.size()) __builtin_prefetch(&made[cell + kLine], 1);
  }

  void AddWait(RankState& state, int rank, const Action* next, double ready) {
    const auto made = [&](const Action& action) {
      const size_t cell = topology_.Cell(action);
      const bool last = Arrival(arrivals_, action, cell) == ready;
      return last ? Arrival(made_, action, cell) : kNever;
    };
    const double first = made(next[0]);
    state.waits.push_back(
        {.index = static_cast<size_t>(next - schedule_.programs[rank].data()),
         .begin = state.free,
         .made = next->overlaps_next ? std::max(first, made(next[1])) : first,
         .end = ready});
  }

  double TimeOf(const Action& action) const {
    const StageTimes& times = costs_.stages[action.stage];
    double time = 0;
    switch (action.kind) {
      case ActionKind::kForward:
        time = times.forward;
        break;
      case ActionKind::kRecompute:
        time = times.recompute < 0 ? times.forward : times.recompute;
        break;
      case ActionKind::kBackwardInput:
        time = times.input_gradient;
        break;
      case ActionKind::kBackwardWeight:
        time = times.weight_gradient;
        break;
      default:
        time = times.input_gradient + times.weight_gradient;
        break;
    }
    return action.piece < 0 ? time : time * piece_shares_[action.piece];
  }

  double PairTime(const Action* first) const {
    const double pair = costs_.stages[first->stage].overlapped_pair;
    if (pair < 0) return TimeOf(first[0]) + TimeOf(first[1]);
    return first->piece < 0 ? pair : pair * piece_shares_[first->piece];
  }

  // Accounts for what `action`, of `cell`, has made and freed by its end.
  void Finish(RankState& state, const Action& action, size_t cell, double end) {
    switch (action.kind) {
      case ActionKind::kForward:
        state.peak = std::max(state.peak, state.held + 1);
        if (!recomputed_.Has(cell)) ++state.held;
        arrivals_.forward[cell] = Deliver(forward_[action.stage], end);
        if (explain_) made_.forward[cell] = end;
        break;
      case ActionKind::kRecompute:
        state.peak = std::max(state.peak, ++state.held);
        break;
      case ActionKind::kBackwardWeight:
        --state.held;
        break;
      case ActionKind::kBackward:
        --state.held;
        [[fallthrough]];
      default:
        arrivals_.backward[cell] = Deliver(backward_[action.stage], end);
        if (explain_) made_.backward[cell] = end;
        break;
    }
  }

  // When what was made at `made` is there.
  double Deliver(const Transfer& transfer, double made) {
    if (transfer.edge < 0) return made;
    if (transfer.hop.occupancy > 0) {
      double& free = edge_free_[transfer.edge];
      free = std::max(free, made) + transfer.hop.occupancy;
      return free + transfer.hop.latency;
    }
    return made + transfer.hop.latency;
  }

  void Record(int rank, const ActionTime& time) {
    if (record_) result_.actions[rank].push_back(time);
  }

  // Returns when all ranks and their reductions are done.
  double Reduce() {
    TimeReductions(schedule_, costs_, reductions_);
    double done = 0;
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      done = std::max(done, ranks_[rank].free);
      for (const Reduction& reduction : reductions_[rank]) {
        done = std::max(done, reduction.end);
        if (record_) {
          result_.actions[rank][reduction.index] = {reduction.start,
                                                    reduction.end};
        }
      }
    }
    return done;
  }

  double OptimizerTime(int rank) const {
    const bool costs = ranks_[rank].optimizer && !updates_;
    return costs && !costs_.optimizer.empty() ? costs_.optimizer[rank] : 0;
  }

  void Optimize(double start) {
    result_.makespan = start;
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      const double time = OptimizerTime(rank);
      ranks_[rank].busy += time;
      result_.makespan = std::max(result_.makespan, start + time);
      if (record_ && ranks_[rank].optimizer) {
        result_.actions[rank].back() = {start, start + time};
      }
    }
  }

  void Summarize() {
    double busy_sum = 0;
    double compute_max = 0;
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      const RankState& state = ranks_[rank];
      const double span = state.first_start == kNever
                              ? 0
                              : state.compute_end - state.first_start;
      result_.busy.push_back(state.busy);
      result_.span.push_back(span);
      result_.peak_activations.push_back(state.peak);
      result_.span_max = std::max(result_.span_max, span);
      compute_max = std::max(compute_max, state.busy - OptimizerTime(rank));
      busy_sum += state.busy;
      if (explain_) result_.bubbles.push_back(Explain(rank));
    }
    if (result_.makespan > 0) {
      result_.bubble_fraction_makespan =
          1 -
          busy_sum / (static_cast<double>(ranks_.size()) * result_.makespan);
    }
    if (result_.span_max > 0) {
      result_.bubble_fraction_span = 1 - compute_max / result_.span_max;
    }
  }

  BubbleCauses Explain(int rank) const {
    const RankState& state = ranks_[rank];
    BubbleCauses causes =
        ExplainWaits(schedule_, topology_, arrivals_, rank, state.waits);
    causes.fill += std::max(state.first_start, 0.0);
    causes.drain += result_.makespan - state.compute_end - OptimizerTime(rank);
    return causes;
  }

  const Schedule& schedule_;
  const ScheduleCosts& costs_;
  const bool record_;
  const bool explain_;
  const Topology topology_;
  const RecomputedCells recomputed_;
  std::vector<RankState> ranks_;
  Arrivals arrivals_;
  Arrivals made_;                   // As `arrivals_`, without hops.
  std::vector<Transfer> forward_;   // Index: the stage that sends.
  std::vector<Transfer> backward_;  // Index: the stage that sends.
  std::vector<double> edge_free_;
  std::vector<std::vector<Reduction>> reductions_;  // Per rank.
  std::vector<double> piece_shares_;
  bool updates_ = false;
  Simulation result_;
};

}  // namespace

absl::StatusOr<Simulation> Simulate(const Schedule& schedule,
                                    const ScheduleCosts& costs,
                                    const SimulationOptions& options) {
  RETURN_IF_ERROR(CheckCosts(schedule, costs));
  return Simulator(schedule, costs, options).Run();
}

}  // namespace penstock
