#include "coordinator/schedule/list_times.h"

#include <algorithm>
#include <limits>

namespace penstock {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

}  // namespace

ListTimer::ListTimer(const PipelineInstance& instance)
    : instance_(instance),
      edges_into_(EdgesInto(instance)),
      edge_free_(2 * instance.rank_of_stage.size()),
      starts_(static_cast<size_t>(instance.ranks)),
      ends_(static_cast<size_t>(instance.ranks)),
      queued_(static_cast<size_t>(instance.ranks)) {
  const size_t cells = instance.rank_of_stage.size() *
                       static_cast<size_t>(instance.microbatches);
  for (std::vector<Position>& maker : maker_) maker.resize(cells);
  for (std::vector<double>& arrival : arrival_) arrival.resize(cells);
}

void ListTimer::Send(int from, int to, int microbatch, double made) {
  const int direction = to > from ? 0 : 1;
  const int edge = edges_into_[to][direction];
  double arrival = made;
  if (edge >= 0) {
    const Hop& hop = instance_.costs.hops[std::min(from, to)];
    edge_free_[edge] = std::max(made, edge_free_[edge]) + hop.occupancy;
    arrival = edge_free_[edge] + hop.latency;
  }
  arrival_[direction][Cell(to, microbatch)] = arrival;
  const int rank = instance_.rank_of_stage[to];
  if (!queued_[rank]) {
    queued_[rank] = 1;
    queue_.push_back(rank);
  }
}

// Returns the end, or kNever when the input is not there yet.
double ListTimer::Execute(int rank, int index, const Action& action,
                          double free) {
  const StageTimes& times = instance_.costs.stages[action.stage];
  if (action.kind == ActionKind::kBackwardWeight) {
    starts_[rank][index] = free;
    return free + times.weight_gradient;
  }
  const bool forward = action.kind == ActionKind::kForward;
  const double arrival =
      arrival_[forward ? 0 : 1][Cell(action.stage, action.microbatch)];
  if (arrival == kNever) return kNever;
  const double start = std::max(free, arrival);
  const double end = start + (forward ? times.forward : times.input_gradient);
  starts_[rank][index] = start;
  if (forward && instance_.IsLast(action.stage)) {
    arrival_[1][Cell(action.stage, action.microbatch)] = end;
    maker_[1][Cell(action.stage, action.microbatch)] = {rank, index};
  } else if (forward || !instance_.IsFirst(action.stage)) {
    const int to = forward ? action.stage + 1 : action.stage - 1;
    maker_[forward ? 0 : 1][Cell(to, action.microbatch)] = {rank, index};
    Send(action.stage, to, action.microbatch, end);
  }
  return end;
}

std::optional<ListTimes> ListTimer::Run(
    const std::vector<std::vector<Action>>& programs) {
  for (std::vector<double>& arrival : arrival_) {
    std::fill(arrival.begin(), arrival.end(), kNever);
  }
  std::fill(edge_free_.begin(), edge_free_.end(), 0);
  for (int stage = 0; stage < instance_.stages(); ++stage) {
    if (!instance_.IsFirst(stage)) continue;
    std::fill_n(arrival_[0].begin() + Cell(stage, 0), instance_.microbatches,
                0.0);
  }
  queue_.clear();
  for (int rank = instance_.ranks - 1; rank >= 0; --rank) {
    starts_[rank].resize(programs[rank].size());
    ends_[rank].clear();
    queue_.push_back(rank);
    queued_[rank] = 1;
  }
  while (!queue_.empty()) {
    const int rank = queue_.back();
    queue_.pop_back();
    std::vector<double>& ends = ends_[rank];
    while (ends.size() < programs[rank].size()) {
      const int index = static_cast<int>(ends.size());
      const double end = Execute(rank, index, programs[rank][index],
                                 ends.empty() ? 0 : ends.back());
      if (end == kNever) break;
      ends.push_back(end);
    }
    queued_[rank] = 0;
  }
  ListTimes times;
  for (int rank = 0; rank < instance_.ranks; ++rank) {
    if (ends_[rank].size() < programs[rank].size()) return std::nullopt;
    if (ends_[rank].empty()) continue;
    times.Add(starts_[rank].front(), ends_[rank].back(), instance_.ranks);
  }
  return times;
}

void ListTimer::TraceBack(const std::vector<std::vector<Action>>& programs,
                          int rank, std::vector<Position>& path) const {
  path.clear();
  Position at{rank, static_cast<int>(programs[rank].size()) - 1};
  while (at.index >= 0) {
    path.push_back(at);
    const Action& action = programs[at.rank][at.index];
    const bool waited =
        at.index == 0 || Start(at) > ends_[at.rank][at.index - 1];
    if (!waited) {
      --at.index;
    } else if (action.kind == ActionKind::kForward &&
               instance_.IsFirst(action.stage)) {
      return;
    } else {
      at = maker_[action.kind == ActionKind::kForward ? 0 : 1]
                 [Cell(action.stage, action.microbatch)];
    }
  }
}

double ListTimer::Span(int rank) const {
  if (ends_[rank].empty()) return 0;
  return ends_[rank].back() - starts_[rank].front();
}

}  // namespace penstock
