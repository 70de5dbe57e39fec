#include "coordinator/planner/solve/load_search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "coordinator/planner/solve/saturating.h"

namespace penstock {
namespace {

// The first stages of a loop.
struct Prefix {
  std::vector<int64_t> loads;  // Ticks per rank.
  std::vector<int64_t> bytes;  // Per rank.
  int parent = -1;             // Of the level before.
  int64_t end = 0;
};

bool NoneIsMore(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](int64_t x, int64_t y) { return x <= y; });
}

bool Beats(const Prefix& a, const Prefix& b) {
  return NoneIsMore(a.loads, b.loads) && NoneIsMore(a.bytes, b.bytes);
}

struct Level {
  std::vector<Prefix> prefixes;
  std::vector<std::vector<int>> fronts;  // By end.
};

class LoadSearch {
 public:
  LoadSearch(const LoadQuery& query, int64_t& budget)
      : query_(query),
        budget_(budget),
        ranks_(static_cast<int64_t>(query.devices.size())),
        stages_(ranks_ * query.stages_per_rank),
        layers_(query.model.layers()) {}

  // A prefix whose busiest rank takes `value_below` or more is dropped.
  LoadResult Run(int64_t value_below) {
    value_below_ = value_below;
    levels_ = {EmptyLevel()};
    levels_[0].prefixes.push_back({.loads = std::vector<int64_t>(ranks_),
                                   .bytes = std::vector<int64_t>(ranks_)});
    levels_[0].fronts[0] = {0};
    for (int64_t stage = 0; stage < stages_; ++stage) {
      levels_.push_back(EmptyLevel());
      for (int64_t begin = stage; begin < layers_; ++begin) {
        for (const int parent : levels_[stage].fronts[begin]) {
          Extend(stage, begin, parent);
          if (budget_ < 0) return {.complete = false};
        }
      }
    }
    return Best();
  }

 private:
  Level EmptyLevel() const {
    return {.fronts = std::vector<std::vector<int>>(layers_ + 1)};
  }

  void Extend(int64_t stage, int64_t begin, int parent) {
    const bool last = stage + 1 == stages_;
    const int64_t rank = stage % ranks_;
    const SolveDevice& device = query_.devices[rank];
    const int64_t end_max = layers_ - (stages_ - stage - 1);
    for (int64_t end = last ? layers_ : begin + 1; end <= end_max; ++end) {
      --budget_;
      Prefix prefix = levels_[stage].prefixes[parent];
      prefix.parent = parent;
      prefix.end = end;
      prefix.loads[rank] += query_.scale.Work(
          query_.model.Times(begin, end).total(), device.speed_millionths);
      if (prefix.loads[rank] >= value_below_) return;
      prefix.bytes[rank] = SaturatingSum(
          prefix.bytes[rank],
          SaturatingSum(query_.model.FixedBytes(begin, end),
                        query_.model.ActivationBytes(begin, end)));
      if (prefix.bytes[rank] > device.memory_bytes) continue;
      Insert(std::move(prefix), levels_[stage + 1]);
    }
  }

  void Insert(Prefix prefix, Level& level) {
    std::vector<int>& front = level.fronts[prefix.end];
    budget_ -= static_cast<int64_t>(front.size());
    for (const int other : front) {
      if (Beats(level.prefixes[other], prefix)) return;
    }
    front.erase(std::remove_if(front.begin(), front.end(),
                               [&](int other) {
                                 return Beats(prefix, level.prefixes[other]);
                               }),
                front.end());
    front.push_back(static_cast<int>(level.prefixes.size()));
    level.prefixes.push_back(std::move(prefix));
  }

  LoadResult Best() const {
    const Level& last = levels_.back();
    LoadResult result;
    int best = -1;
    for (const int index : last.fronts[layers_]) {
      const std::vector<int64_t>& loads = last.prefixes[index].loads;
      const int64_t value = *std::max_element(loads.begin(), loads.end());
      if (best >= 0 && value >= result.value) continue;
      best = index;
      result.value = value;
    }
    if (best < 0) return result;
    result.cuts = std::vector<int64_t>(stages_ + 1);
    for (int64_t stage = stages_; stage > 0; --stage) {
      const Prefix& prefix = levels_[stage].prefixes[best];
      (*result.cuts)[stage] = prefix.end;
      best = prefix.parent;
    }
    return result;
  }

  const LoadQuery& query_;
  int64_t& budget_;
  const int64_t ranks_;
  const int64_t stages_;
  const int64_t layers_;
  int64_t value_below_ = 0;
  std::vector<Level> levels_;
};

}  // namespace

LoadResult SearchLoad(const LoadQuery& query, int64_t& budget) {
  const auto stages =
      static_cast<int64_t>(query.devices.size()) * query.stages_per_rank;
  if (stages < 1 || stages > query.model.layers()) return {};
  int64_t slowest = std::numeric_limits<int64_t>::max();
  int64_t speeds = 0;
  for (const SolveDevice& device : query.devices) {
    slowest = std::min(slowest, device.speed_millionths);
    speeds += device.speed_millionths;
  }
  const LayerTimes all = query.model.Times(0, query.model.layers());
  // Tight bounds leave few loads to compare: from a little above the average
  // the bound grows until there is an answer below it, which is then the least.
  const int64_t one = query.scale.Work(all.total(), slowest) + 1;
  int64_t bound = static_cast<int64_t>(static_cast<double>(one) *
                                       static_cast<double>(slowest) /
                                       static_cast<double>(speeds) * 1.05) +
                  1;
  LoadSearch search(query, budget);
  while (true) {
    const LoadResult result = search.Run(std::min(bound, one));
    if (result.cuts.has_value() || !result.complete || bound >= one) {
      return result;
    }
    bound += bound / 8 + 1;
  }
}

}  // namespace penstock
