#include "coordinator/schedule/list_schedule.h"

#include <algorithm>

#include "proto/base/check.h"

namespace penstock {
namespace {

double TimeOf(const StageTimes& times, ActionKind kind) {
  if (kind == ActionKind::kForward) return times.forward;
  return kind == ActionKind::kBackwardInput ? times.input_gradient
                                            : times.weight_gradient;
}

// The stages of one rank from the one that a micro-batch reaches last.
std::vector<int> DeepestFirst(const PipelineInstance& instance, int rank) {
  std::vector<int> stages;
  for (int stage = 0; stage < instance.stages(); ++stage) {
    if (instance.rank_of_stage[stage] == rank) stages.push_back(stage);
  }
  std::stable_sort(stages.begin(), stages.end(), [&](int a, int b) {
    return a % instance.stages_per_copy() > b % instance.stages_per_copy();
  });
  return stages;
}

}  // namespace

double MemoryNeeded(const PipelineInstance& instance, int rank) {
  double needed = 0;
  for (const int stage : DeepestFirst(instance, rank)) {
    needed += instance.memory[stage].activation;
  }
  return needed;
}

ListScheduler::ListScheduler(const PipelineInstance& instance)
    : instance_(instance),
      microbatches_(instance.microbatches_per_copy()),
      stages_(instance.rank_of_stage.size()),
      ranks_(static_cast<size_t>(instance.ranks)),
      edges_into_(EdgesInto(instance)) {
  PENSTOCK_CHECK(microbatches_ >= 1);
  while (leaves_ < ranks_.size()) leaves_ *= 2;
  winners_.resize(leaves_, -1);
  // Sums of activations are compared with limits; they are not exact.
  constexpr double kRounding = 1e-9;
  for (int rank = 0; rank < instance.ranks; ++rank) {
    ranks_[rank].stages = DeepestFirst(instance, rank);
    double room = instance.memory_max[rank] * (1 + kRounding);
    for (const int stage : ranks_[rank].stages) {
      room -= instance.memory[stage].activation;
      stages_[stage].rank = rank;
      stages_[stage].room = room;
    }
    PENSTOCK_CHECK(room >= 0);
  }
}

void ListScheduler::Reset(std::vector<std::vector<Action>>& programs) {
  programs.resize(ranks_.size());
  for (std::vector<Action>& program : programs) program.clear();
  for (Stage& stage : stages_)
    stage.forwards = stage.inputs = stage.weights = 0;
  for (Rank& rank : ranks_) {
    rank.free = rank.held = 0;
    rank.pending = 0;
    rank.first_start = -1;
  }
  forward_arrival_.assign(stages_.size() * microbatches_, kNever);
  input_arrival_.assign(stages_.size() * microbatches_, kNever);
  edge_free_.assign(2 * stages_.size(), 0);
  for (int stage = 0; stage < instance_.stages(); ++stage) {
    if (!instance_.IsFirst(stage)) continue;
    std::fill_n(forward_arrival_.begin() + Cell(stage, 0), microbatches_, 0.0);
  }
}

bool ListScheduler::ForwardAllowed(const ListRules& rules, int stage) const {
  const Stage& state = stages_[stage];
  return ranks_[state.rank].held <= state.room &&
         state.forwards - state.inputs < rules.in_flight_max[stage];
}

void ListScheduler::Offer(const ListRules& rules, ActionKind kind, int stage) {
  const Stage& state = stages_[stage];
  const bool forward = kind == ActionKind::kForward;
  const int microbatch = forward ? state.forwards : state.inputs;
  const double arrival =
      (forward ? forward_arrival_ : input_arrival_)[Cell(stage, microbatch)];
  if (arrival == kNever) return;
  const int place = microbatch % rules.group_size;
  constexpr double kInGroup = 1e-6;  // Keeps a group's micro-batches in order.
  Pass pass;
  pass.start = std::max(arrival, ranks_[state.rank].free);
  pass.kind = kind;
  pass.stage = stage;
  pass.urgency =
      microbatch - place + kInGroup * place +
      (forward ? rules.forward_offset : rules.backward_offset)[stage];
  offers_.push_back(pass);
}

ListScheduler::Candidate ListScheduler::ChoosePass(const ListRules& rules,
                                                   int rank) {
  offers_.clear();
  for (const int stage : ranks_[rank].stages) {
    const Stage& state = stages_[stage];
    if (state.inputs < state.forwards) {
      Offer(rules, ActionKind::kBackwardInput, stage);
    }
    if (state.forwards < microbatches_ && ForwardAllowed(rules, stage)) {
      Offer(rules, ActionKind::kForward, stage);
    }
  }
  if (offers_.empty()) return {};
  const Pass* first = &offers_[0];
  for (const Pass& pass : offers_) {
    if (pass.start < first->start ||
        (pass.start == first->start && pass.urgency < first->urgency)) {
      first = &pass;
    }
  }
  const double latest =
      first->start +
      rules.patience[rank] *
          TimeOf(instance_.costs.stages[first->stage], first->kind);
  const Pass* urgent = first;
  for (const Pass& pass : offers_) {
    if (pass.start < latest && pass.urgency < urgent->urgency) urgent = &pass;
  }
  return *urgent;
}

ListScheduler::Candidate ListScheduler::OldestWeight(int rank) const {
  const Rank& state = ranks_[rank];
  int oldest = -1;
  for (const int stage : state.stages) {
    if (stages_[stage].weights == stages_[stage].inputs) continue;
    if (oldest < 0 || stages_[stage].weights < stages_[oldest].weights) {
      oldest = stage;
    }
  }
  return {state.free, ActionKind::kBackwardWeight, oldest};
}

ListScheduler::Candidate ListScheduler::Choose(const ListRules& rules,
                                               int rank) {
  const Rank& state = ranks_[rank];
  const Candidate pass = ChoosePass(rules, rank);
  if (state.pending == 0) return pass;
  const Candidate weight = OldestWeight(rank);
  const double gap = pass.start - state.free;
  const double time = instance_.costs.stages[weight.stage].weight_gradient;
  const bool fits = gap > 0 && gap >= rules.fill[rank] * time;
  return fits || state.pending > rules.pending_max[rank] ? weight : pass;
}

void ListScheduler::SetNext(int rank, const Candidate& next) {
  ranks_[rank].next = next;
  size_t node = leaves_ + static_cast<size_t>(rank);
  for (node /= 2; node >= 1; node /= 2) {
    const int left = Winner(2 * node);
    const int right = Winner(2 * node + 1);
    winners_[node] =
        right >= 0 && ranks_[right].next.start < ranks_[left].next.start ? right
                                                                         : left;
  }
}

int ListScheduler::Winner(size_t node) const {
  if (node < leaves_) return winners_[node];
  const size_t rank = node - leaves_;
  return rank < ranks_.size() ? static_cast<int>(rank) : -1;
}

void ListScheduler::Send(int from, int to, int microbatch, double made) {
  const bool forward = to > from;
  const int edge = edges_into_[to][forward ? 0 : 1];
  double arrival = made;
  if (edge >= 0) {
    const Hop& hop = instance_.costs.hops[std::min(from, to)];
    const double sent = std::max(made, edge_free_[edge]) + hop.occupancy;
    edge_free_[edge] = sent;
    arrival = sent + hop.latency;
  }
  (forward ? forward_arrival_ : input_arrival_)[Cell(to, microbatch)] = arrival;
  woken_.push_back(stages_[to].rank);
}

void ListScheduler::Execute(int rank, std::vector<Action>& program) {
  Rank& state = ranks_[rank];
  const auto [start, kind, index] = state.next;
  Stage& stage = stages_[index];
  const ActivationMemory& memory = instance_.memory[index];
  if (state.first_start < 0) state.first_start = start;
  state.free = start + TimeOf(instance_.costs.stages[index], kind);
  int microbatch = 0;
  if (kind == ActionKind::kForward) {
    microbatch = stage.forwards++;
    state.held += memory.activation;
    if (instance_.IsLast(index)) {
      input_arrival_[Cell(index, microbatch)] = state.free;
    } else {
      Send(index, index + 1, microbatch, state.free);
    }
  } else if (kind == ActionKind::kBackwardInput) {
    microbatch = stage.inputs++;
    state.held -= memory.activation - memory.weight_input;
    ++state.pending;
    if (!instance_.IsFirst(index))
      Send(index, index - 1, microbatch, state.free);
  } else {
    microbatch = stage.weights++;
    state.held -= memory.weight_input;
    --state.pending;
  }
  program.push_back(
      {index, kind, instance_.FirstMicrobatch(index) + microbatch});
  woken_.push_back(rank);
}

ListTimes ListScheduler::Run(const ListRules& rules,
                             std::vector<std::vector<Action>>& programs) {
  Reset(programs);
  for (int rank = 0; rank < instance_.ranks; ++rank) {
    SetNext(rank, Choose(rules, rank));
  }
  const size_t actions = 3 * stages_.size() * microbatches_;
  for (size_t i = 0; i < actions; ++i) {
    const int rank = Winner(1);
    PENSTOCK_CHECK(ranks_[rank].next.start != kNever);
    Execute(rank, programs[rank]);
    for (const int woken : woken_) {
      SetNext(woken, Choose(rules, woken));
    }
    woken_.clear();
  }
  return Summarize();
}

ListTimes ListScheduler::Summarize() const {
  ListTimes times;
  for (const Rank& rank : ranks_) {
    times.Add(std::max(rank.first_start, 0.0), rank.free, instance_.ranks);
  }
  return times;
}

}  // namespace penstock
