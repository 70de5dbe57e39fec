#include "coordinator/schedule/simulate.h"

#include <algorithm>
#include <cmath>

#include "coordinator/schedule/walk.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Ends before time begins: not executed yet.
constexpr double kNever = -1;

bool IsTime(double value) { return std::isfinite(value) && value >= 0; }

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
  bool valid = IsTime(costs.tied);
  for (const StageTimes& times : costs.stages) {
    valid = valid && IsTime(times.forward) && IsTime(times.input_gradient) &&
            IsTime(times.weight_gradient) && IsTime(times.reduce);
  }
  for (const Hop& hop : costs.hops) {
    valid = valid && IsTime(hop.latency) && IsTime(hop.occupancy);
  }
  for (const double time : costs.optimizer) valid = valid && IsTime(time);
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "costs must be finite and not below 0, every one of them");
}

struct RankState {
  double free = 0;  // When the rank can begin its next action.
  double first_start = kNever;
  double compute_end = 0;
  double busy = 0;
  double reduce_end = 0;  // Of the last REDUCE_GRAD.
  int held = 0;           // Activations.
  int peak = 0;
  bool optimizer = false;
};

class Simulator {
 public:
  Simulator(const Schedule& schedule, const ScheduleCosts& costs,
            bool record_actions)
      : schedule_(schedule),
        costs_(costs),
        record_(record_actions),
        ranks_(schedule.programs.size()),
        forward_end_(Cells(schedule), kNever),
        backward_end_(Cells(schedule), kNever) {
    if (record_) result_.actions.resize(ranks_.size());
  }

  absl::StatusOr<Simulation> Run() {
    const std::vector<size_t> position =
        Walk(schedule_, [this](int rank, const Action& action) {
          return Execute(rank, action);
        });
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      if (position[rank] == schedule_.programs[rank].size()) continue;
      return absl::InvalidArgumentError(
          fmt::format("rank {} never gets past {}", rank,
                      ToString(schedule_.programs[rank][position[rank]])));
    }
    ReduceTied();
    Optimize();
    Summarize();
    return std::move(result_);
  }

 private:
  static size_t Cells(const Schedule& schedule) {
    return schedule.rank_of_stage.size() *
           static_cast<size_t>(schedule.microbatches);
  }

  double& End(std::vector<double>& ends, int stage, int microbatch) {
    return ends[static_cast<size_t>(stage) * schedule_.microbatches +
                microbatch];
  }

  bool Execute(int rank, const Action& action) {
    RankState& state = ranks_[rank];
    if (IsCompute(action.kind)) return Compute(rank, action);
    ActionTime time{state.free, state.free};
    if (action.kind == ActionKind::kReduceGradient) {
      time.start = std::max(state.free, state.reduce_end);
      time.end = time.start + costs_.stages[action.stage].reduce;
      state.reduce_end = time.end;
    } else if (action.kind == ActionKind::kReduceTied) {
      tied_.push_back({rank, schedule_.programs[rank].size()});
      if (record_) tied_.back().index = result_.actions[rank].size();
    } else if (action.kind == ActionKind::kOptimizer) {
      state.optimizer = true;
    }
    Record(rank, time);
    return true;
  }

  bool Compute(int rank, const Action& action) {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    RankState& state = ranks_[rank];
    double ready = 0;
    if (!InputReady(action, ready)) return false;
    const ActionTime time{
        std::max(state.free, ready),
        std::max(state.free, ready) + TimeOf(costs_.stages[stage], kind)};
    if (kind == ActionKind::kForward) {
      End(forward_end_, stage, microbatch) = time.end;
      state.peak = std::max(state.peak, ++state.held);
    } else if (kind != ActionKind::kBackwardWeight) {
      End(backward_end_, stage, microbatch) = time.end;
    }
    if (kind == ActionKind::kBackward || kind == ActionKind::kBackwardWeight) {
      --state.held;
    }
    if (state.first_start == kNever) state.first_start = time.start;
    state.busy += time.end - time.start;
    state.free = state.compute_end = time.end;
    Record(rank, time);
    return true;
  }

  static double TimeOf(const StageTimes& times, ActionKind kind) {
    if (kind == ActionKind::kForward) return times.forward;
    if (kind == ActionKind::kBackwardInput) return times.input_gradient;
    if (kind == ActionKind::kBackwardWeight) return times.weight_gradient;
    return times.input_gradient + times.weight_gradient;
  }

  // False when an input has not been made yet; else `ready` is when it is
  // there.
  bool InputReady(const Action& action, double& ready) {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    if (kind == ActionKind::kBackwardWeight) {
      return End(backward_end_, stage, microbatch) != kNever;
    }
    if (kind == ActionKind::kForward) {
      if (stage == 0) return true;
      return Arrival(End(forward_end_, stage - 1, microbatch), stage - 1,
                     ready);
    }
    if (End(forward_end_, stage, microbatch) == kNever) return false;
    if (stage + 1 == schedule_.stages()) return true;
    return Arrival(End(backward_end_, stage + 1, microbatch), stage, ready);
  }

  // Of what was made at `made` and crosses the boundary above `stage`.
  bool Arrival(double made, int stage, double& ready) const {
    if (made == kNever) return false;
    ready = made +
            (CrossesRanks(schedule_, stage) ? costs_.hops[stage].latency : 0);
    return true;
  }

  void Record(int rank, const ActionTime& time) {
    if (record_) result_.actions[rank].push_back(time);
  }

  // Both ends come before their ranks' OPTIMIZER and after all they compute, so
  // nothing else waits for them.
  void ReduceTied() {
    double start = 0;
    for (const TiedEnd& end : tied_) {
      const RankState& state = ranks_[end.rank];
      start = std::max({start, state.free, state.reduce_end});
    }
    for (const TiedEnd& end : tied_) {
      ranks_[end.rank].reduce_end = start + costs_.tied;
      if (record_) {
        result_.actions[end.rank][end.index] = {start, start + costs_.tied};
      }
    }
  }

  void Optimize() {
    double start = 0;
    for (const RankState& state : ranks_) {
      start = std::max({start, state.free, state.reduce_end});
    }
    result_.makespan = start;
    if (costs_.optimizer.empty()) return;
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      RankState& state = ranks_[rank];
      if (!state.optimizer) continue;
      state.busy += costs_.optimizer[rank];
      result_.makespan =
          std::max(result_.makespan, start + costs_.optimizer[rank]);
      if (record_) {
        result_.actions[rank].back() = {start, start + costs_.optimizer[rank]};
      }
    }
  }

  void Summarize() {
    double busy_sum = 0;
    double compute_max = 0;
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      const RankState& state = ranks_[rank];
      const double span = state.first_start == kNever
                              ? 0
                              : state.compute_end - state.first_start;
      result_.busy.push_back(state.busy);
      result_.span.push_back(span);
      result_.peak_activations.push_back(state.peak);
      result_.span_max = std::max(result_.span_max, span);
      const double optimizer = state.optimizer && !costs_.optimizer.empty()
                                   ? costs_.optimizer[rank]
                                   : 0;
      compute_max = std::max(compute_max, state.busy - optimizer);
      busy_sum += state.busy;
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

  struct TiedEnd {
    int rank;
    size_t index;  // Of its action, when they are recorded.
  };

  const Schedule& schedule_;
  const ScheduleCosts& costs_;
  const bool record_;
  std::vector<RankState> ranks_;
  // Per stage and micro-batch: of F, and of B or I.
  std::vector<double> forward_end_;
  std::vector<double> backward_end_;
  std::vector<TiedEnd> tied_;
  Simulation result_;
};

}  // namespace

absl::StatusOr<Simulation> Simulate(const Schedule& schedule,
                                    const ScheduleCosts& costs,
                                    const SimulationOptions& options) {
  RETURN_IF_ERROR(CheckCosts(schedule, costs));
  return Simulator(schedule, costs, options.record_actions).Run();
}

}  // namespace penstock
