#include "coordinator/planner/solve/lower_bound.h"

#include <algorithm>
#include <limits>

namespace penstock {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// The bound of one stage per rank: over stages, the least maximum for each
// number of layers so far.
int64_t LeastOverCuts(const StageModel& model, const TickScale& scale,
                      const BoundShape& shape, int64_t stages, int64_t speed) {
  const int64_t layers = model.layers();
  std::vector<int64_t> least(layers + 1, kNever);
  least[0] = 0;
  for (int64_t stage = 0; stage < stages; ++stage) {
    std::vector<int64_t> next(layers + 1, kNever);
    for (int64_t begin = stage; begin < layers; ++begin) {
      if (least[begin] == kNever) continue;
      const LayerTimes before = model.Times(0, begin);
      for (int64_t end = begin + 1; end <= layers - (stages - 1 - stage);
           ++end) {
        const int64_t rank = LeastTimeOfRank(scale, shape, {before, speed},
                                             {model.Times(begin, end), speed});
        next[end] = std::min(next[end], std::max(least[begin], rank));
      }
    }
    least = std::move(next);
  }
  return least[layers];
}

}  // namespace

BoundShape BoundShapeOf(const Schedule& schedule) {
  BoundShape shape{.microbatches = schedule.microbatches_per_copy(),
                   .whole = schedule.pieces == 1,
                   .one_stage_per_rank = schedule.copies == 1 &&
                                         schedule.pieces == 1 &&
                                         schedule.stages() == schedule.ranks()};
  for (const auto& program : schedule.programs) {
    for (const Action& action : program) {
      shape.splits_backward =
          shape.splits_backward || action.kind == ActionKind::kBackwardInput;
    }
  }
  return shape;
}

int64_t LeastTimeOfRank(const TickScale& scale, const BoundShape& shape,
                        const WorkAt& before, const WorkAt& rank) {
  const int64_t m = shape.microbatches;
  const auto ticks = [&](const WorkAt& work, int64_t nanoseconds) {
    return scale.Work(nanoseconds, work.speed_millionths);
  };
  const int64_t all = m * ticks(rank, rank.times.total());
  if (!shape.splits_backward) return ticks(before, before.times.total()) + all;
  const int64_t up = ticks(before, before.times.forward);
  const int64_t down = ticks(before, before.times.input_gradient);
  const int64_t gradients =
      m * ticks(rank, rank.times.forward + rank.times.input_gradient);
  return up + std::max(all, gradients + down);
}

int64_t LeastMakespan(const StageModel& model, const TickScale& scale,
                      const BoundShape& shape,
                      const std::vector<SolveDevice>& ranks, int copies) {
  int64_t fastest = 0;
  double speeds = 0;
  for (const SolveDevice& rank : ranks) {
    fastest = std::max(fastest, rank.speed_millionths);
    speeds += static_cast<double>(rank.speed_millionths);
  }
  const LayerTimes all = model.Times(0, model.layers());
  // Times that were rounded up are not a bound of their sum.
  const int64_t rounded = scale.exact() ? 0 : 1;
  const double work =
      static_cast<double>(scale.Work(all.total(), fastest) - rounded) *
      static_cast<double>(shape.microbatches * copies);
  // Rounded down by more than the doubles can have been rounded up.
  int64_t least = static_cast<int64_t>(work * static_cast<double>(fastest) /
                                       speeds * (1 - 1e-12));
  if (shape.whole) {
    least =
        std::max(least, scale.Work(all.forward + all.input_gradient, fastest));
  }
  for (int64_t layer = 0; layer < model.layers(); ++layer) {
    const int64_t time = scale.Work(model.layer(layer).times.total(), fastest);
    least = std::max(least, shape.microbatches * time);
  }
  if (!shape.one_stage_per_rank) return least;
  return std::max(least,
                  LeastOverCuts(model, scale, shape,
                                static_cast<int64_t>(ranks.size()), fastest));
}

}  // namespace penstock
