#include "coordinator/schedule/insert_weights.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>

namespace penstock {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

class Inserter {
 public:
  Inserter(const PipelineInstance& instance,
           const std::vector<std::vector<Action>>& orders,
           const WeightRules& rules)
      : instance_(instance),
        orders_(orders),
        rules_(rules),
        edges_into_(EdgesInto(instance)),
        edge_free_(2 * instance.rank_of_stage.size(), 0),
        ranks_(static_cast<size_t>(instance.ranks)),
        forward_arrival_(Cells(), kNever),
        input_arrival_(Cells(), kNever) {
    result_.programs.resize(ranks_.size());
    result_.starts.resize(ranks_.size());
    for (int stage = 0; stage < instance.stages(); ++stage) {
      if (!instance.IsFirst(stage)) continue;
      std::fill_n(forward_arrival_.begin() + Cell(stage, 0),
                  instance.microbatches, 0.0);
    }
  }

  std::optional<TimedSchedule> Run() {
    std::vector<int> queue;
    std::vector<bool> queued(ranks_.size(), true);
    for (int rank = 0; rank < instance_.ranks; ++rank) queue.push_back(rank);
    while (!queue.empty()) {
      const int rank = queue.back();
      queue.pop_back();
      queued[rank] = false;
      if (!Advance(rank)) return std::nullopt;
      for (const int woken : woken_) {
        if (!queued[woken]) queue.push_back(woken);
        queued[woken] = true;
      }
      woken_.clear();
    }
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      if (ranks_[rank].position < orders_[rank].size()) return std::nullopt;
      while (!ranks_[rank].pending.empty()) Weight(rank);
    }
    Summarize();
    return std::move(result_);
  }

 private:
  struct Rank {
    size_t position = 0;
    double free = 0;
    double first_start = -1;
    double held = 0;
    std::deque<Action> pending;  // I's whose W has not run.
  };

  size_t Cells() const {
    return instance_.rank_of_stage.size() *
           static_cast<size_t>(instance_.microbatches);
  }
  size_t Cell(int stage, int microbatch) const {
    return static_cast<size_t>(stage) * instance_.microbatches + microbatch;
  }

  // False when an F finds no memory.
  bool Advance(int rank) {
    Rank& state = ranks_[rank];
    for (; state.position < orders_[rank].size(); ++state.position) {
      const Action& pass = orders_[rank][state.position];
      const bool forward = pass.kind == ActionKind::kForward;
      const double arrival =
          (forward ? forward_arrival_
                   : input_arrival_)[Cell(pass.stage, pass.microbatch)];
      if (arrival == kNever) return true;
      FillGap(rank, arrival);
      if (forward && !MakeRoom(rank, pass.stage)) return false;
      Pass(rank, pass, arrival);
    }
    return true;
  }

  void FillGap(int rank, double arrival) {
    Rank& state = ranks_[rank];
    while (!state.pending.empty()) {
      const double gap = arrival - state.free;
      const bool fits = gap > 0 && gap >= rules_.fill[rank] * WeightTime(rank);
      if (!fits &&
          static_cast<int>(state.pending.size()) <= rules_.pending_max[rank]) {
        return;
      }
      Weight(rank);
    }
  }

  bool MakeRoom(int rank, int stage) {
    Rank& state = ranks_[rank];
    const double room = instance_.memory_max[rank] * (1 + kRounding) -
                        instance_.memory[stage].activation;
    while (state.held > room) {
      if (state.pending.empty()) return false;
      Weight(rank);
    }
    return true;
  }

  double WeightTime(int rank) const {
    return instance_.costs.stages[ranks_[rank].pending.front().stage]
        .weight_gradient;
  }

  void Weight(int rank) {
    Rank& state = ranks_[rank];
    Action weight = state.pending.front();
    weight.kind = ActionKind::kBackwardWeight;
    Record(rank, weight, state.free);
    state.free += WeightTime(rank);
    state.held -= instance_.memory[weight.stage].weight_input;
    state.pending.pop_front();
  }

  void Pass(int rank, const Action& pass, double arrival) {
    Rank& state = ranks_[rank];
    const StageTimes& times = instance_.costs.stages[pass.stage];
    const ActivationMemory& memory = instance_.memory[pass.stage];
    const bool forward = pass.kind == ActionKind::kForward;
    const double start = std::max(state.free, arrival);
    if (state.first_start < 0) state.first_start = start;
    state.free = start + (forward ? times.forward : times.input_gradient);
    Record(rank, pass, start);
    if (forward) {
      state.held += memory.activation;
    } else {
      state.held -= memory.activation - memory.weight_input;
      state.pending.push_back(pass);
    }
    if (forward && instance_.IsLast(pass.stage)) {
      input_arrival_[Cell(pass.stage, pass.microbatch)] = state.free;
    } else if (forward || !instance_.IsFirst(pass.stage)) {
      Send(pass, state.free);
    }
  }

  void Send(const Action& pass, double made) {
    const bool forward = pass.kind == ActionKind::kForward;
    const int to = forward ? pass.stage + 1 : pass.stage - 1;
    const int edge = edges_into_[to][forward ? 0 : 1];
    double arrival = made;
    if (edge >= 0) {
      const Hop& hop = instance_.costs.hops[std::min(pass.stage, to)];
      edge_free_[edge] = std::max(made, edge_free_[edge]) + hop.occupancy;
      arrival = edge_free_[edge] + hop.latency;
    }
    (forward ? forward_arrival_ : input_arrival_)[Cell(to, pass.microbatch)] =
        arrival;
    woken_.push_back(instance_.rank_of_stage[to]);
  }

  void Record(int rank, const Action& action, double start) {
    result_.programs[rank].push_back(action);
    result_.starts[rank].push_back(start);
  }

  void Summarize() {
    for (const Rank& rank : ranks_) {
      result_.times.Add(std::max(rank.first_start, 0.0), rank.free,
                        instance_.ranks);
    }
  }

  const PipelineInstance& instance_;
  const std::vector<std::vector<Action>>& orders_;
  const WeightRules& rules_;
  const std::vector<std::array<int, 2>> edges_into_;
  std::vector<double> edge_free_;
  std::vector<Rank> ranks_;
  std::vector<double> forward_arrival_;
  std::vector<double> input_arrival_;
  std::vector<int> woken_;
  TimedSchedule result_;
};

}  // namespace

std::optional<TimedSchedule> InsertWeights(
    const PipelineInstance& instance,
    const std::vector<std::vector<Action>>& orders, const WeightRules& rules) {
  return Inserter(instance, orders, rules).Run();
}

}  // namespace penstock
