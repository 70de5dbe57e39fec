#include "coordinator/planner/solve/cut_search.h"

#include <algorithm>
#include <utility>

#include "coordinator/planner/solve/chain_search.h"
#include "coordinator/planner/solve/in_flight.h"
#include "coordinator/planner/solve/layout.h"
#include "coordinator/planner/solve/saturating.h"

namespace penstock {
namespace {

LayerTimes Plus(const LayerTimes& a, const LayerTimes& b) {
  return {a.forward + b.forward, a.input_gradient + b.input_gradient,
          a.weight_gradient + b.weight_gradient};
}

}  // namespace

std::optional<std::vector<int64_t>> CutSearch::StartingCuts(
    const Order& order) {
  const Schedule& shape = candidate_.shape;
  const std::vector<int64_t> in_flight = InFlightOf(shape);
  std::vector<SolveDevice> devices;
  for (int slice = 0; slice < shape.stages_per_copy(); ++slice) {
    devices.push_back(WeakestOf(problem_, order[shape.rank_of_stage[slice]]));
    // The stages of a rank share its memory; evenly, to begin with.
    if (devices.back().memory_bytes < kBytesBeyond) {
      devices.back().memory_bytes /= candidate_.choice.stages_per_rank;
    }
  }
  const DeviceSequence in_turn(devices, false, false);
  ChainQuery query = {
      .model = model_,
      .scale = scale_,
      .devices = in_turn,
      .stages = shape.stages_per_copy(),
      .sum_weight = 1,
      .max_weight = candidate_.choice.micro_batches - 1,
      .in_flight = [&](int64_t stage) { return in_flight[stage]; },
      .recompute = {.policy = problem_.recompute, .counts_workspace = true}};
  ChainResult result = SearchChain(query, budget_);
  if (!result.chain.has_value()) {
    // Evenly was too little for one of them; LayOut will tell.
    for (SolveDevice& device : devices) device.memory_bytes = kBytesBeyond;
    const DeviceSequence boundless(devices, false, false);
    ChainQuery unlimited = {.model = model_,
                            .scale = scale_,
                            .devices = boundless,
                            .stages = query.stages,
                            .sum_weight = 1,
                            .max_weight = query.max_weight,
                            .recompute = query.recompute};
    result = SearchChain(unlimited, budget_);
  }
  if (!result.chain.has_value()) return std::nullopt;
  return result.chain->cuts;
}

bool CutSearch::Try(const std::vector<int64_t>& cuts, const Order& order,
                    Incumbent& best) {
  int64_t actions = 1;
  const PipelinePoint point = {cuts, order};
  auto evaluation = Evaluate(problem_, model_, scale_, candidate_.choice,
                             candidate_.shape, point, actions);
  budget_ -= actions;
  if (!evaluation.ok()) {
    best.failure = std::string(evaluation.status().message());
    return false;
  }
  if (evaluation->makespan >= best.makespan) return false;
  best.makespan = evaluation->makespan;
  best.point = point;
  best.evaluation = *std::move(evaluation);
  return true;
}

void CutSearch::Climb(const Order& order, Incumbent& best) {
  std::vector<int64_t> cuts = best.point.cuts;
  for (bool moved = true; moved && budget_ > 0;) {
    moved = false;
    for (size_t cut = 1; cut + 1 < cuts.size(); ++cut) {
      for (const int64_t step : {-1, 1}) {
        const int64_t place = cuts[cut] + step;
        if (place <= cuts[cut - 1] || place >= cuts[cut + 1]) continue;
        std::vector<int64_t> other = cuts;
        other[cut] = place;
        if (budget_ <= 0 || !Try(other, order, best)) continue;
        cuts = std::move(other);
        moved = true;
      }
    }
  }
}

void CutSearch::Improve(Incumbent& best) {
  for (const Order& order : candidate_.orders.orders) {
    if (budget_ <= 0) return;
    const auto cuts = StartingCuts(order);
    if (cuts.has_value() && Try(*cuts, order, best)) Climb(order, best);
  }
}

bool CutSearch::MayBeBelow(const Order& order, const Path& path,
                           double value) const {
  // Whatever lies before may be on the fastest devices.
  int64_t fastest = 0;
  for (const std::vector<int>& rank : order) {
    fastest = std::max(fastest, WeakestOf(problem_, rank).speed_millionths);
  }
  const bool in_order =
      candidate_.shape.copies == 1 && candidate_.bound_shape.whole;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    if (!path.begun[rank]) continue;
    const int64_t least = LeastTimeOfRank(
        scale_, candidate_.bound_shape,
        {in_order ? path.before[rank] : LayerTimes{}, fastest},
        {path.work[rank], WeakestOf(problem_, order[rank]).speed_millionths});
    if (static_cast<double>(least) >= value) return false;
  }
  return true;
}

void CutSearch::Descend(const Order& order, const Path& path, Incumbent& best) {
  const Schedule& shape = candidate_.shape;
  const int64_t slice = std::ssize(path.cuts) - 1;
  const int64_t left = shape.stages_per_copy() - slice - 1;
  if (left < 0) {
    Try(path.cuts, order, best);
    return;
  }
  const int64_t begin = path.cuts.back();
  for (int64_t end = left == 0 ? model_.layers() : begin + 1;
       end <= model_.layers() - left; ++end) {
    if (--budget_ <= 0) return;
    Path next = path;
    next.cuts.push_back(end);
    for (int copy = 0; copy < shape.copies; ++copy) {
      const int stage =
          static_cast<int>(copy * shape.stages_per_copy() + slice);
      const int rank = shape.rank_of_stage[stage];
      next.work[rank] = Plus(next.work[rank], model_.Times(begin, end));
      if (!next.begun[rank]) next.before[rank] = model_.Times(0, begin);
      next.begun[rank] = true;
    }
    // A longer stage only takes longer, and so does what follows it.
    if (!MayBeBelow(order, next, best.makespan)) return;
    Descend(order, next, best);
  }
}

bool CutSearch::Exhaust(Incumbent& best) {
  const size_t ranks = candidate_.choice.pipeline;
  for (const Order& order : candidate_.orders.orders) {
    const Path root = {.before = std::vector<LayerTimes>(ranks),
                       .work = std::vector<LayerTimes>(ranks),
                       .begun = std::vector<bool>(ranks)};
    Descend(order, root, best);
    if (budget_ <= 0) return false;
  }
  return true;
}

}  // namespace penstock
