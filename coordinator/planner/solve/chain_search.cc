#include "coordinator/planner/solve/chain_search.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "coordinator/planner/solve/saturating.h"

namespace penstock {
namespace {

// The first stages of a chain.
struct Prefix {
  int64_t sum = 0;
  int64_t max = 0;
  int parent = -1;  // Of the level before.
  int type = 0;
  int64_t end = 0;
};

// Indices of the prefixes with one position and one end, by ascending maximum
// and descending sum.
using Front = std::vector<int>;

// The prefixes of as many stages, by position and then by end.
struct Level {
  std::vector<Prefix> prefixes;
  std::map<int64_t, std::vector<Front>> fronts;
};

class ChainSearch {
 public:
  ChainSearch(const ChainQuery& query, int64_t& budget)
      : query_(query), budget_(budget), layers_(query.model.layers()) {
    for (const DeviceType& type : query.devices.types()) {
      fastest_ = std::max(fastest_, type.speed_millionths);
    }
  }

  ChainResult Run() {
    Level first;
    first.prefixes.push_back({});
    first.fronts[0] = std::vector<Front>(layers_ + 1);
    first.fronts[0][0] = {0};
    levels_.push_back(std::move(first));
    for (int64_t stage = 0; stage < query_.stages; ++stage) {
      levels_.emplace_back();
      Extend(stage);
      if (budget_ < 0) return {.complete = false};
    }
    return {.chain = Best()};
  }

 private:
  void Extend(int64_t stage) {
    const Level& from = levels_[stage];
    Level& to = levels_[stage + 1];
    for (const auto& [position, fronts] : from.fronts) {
      for (const DeviceSequence::Next& next :
           query_.devices.After(position, query_.stages - stage)) {
        auto& targets = to.fronts[next.position];
        targets.resize(layers_ + 1);
        for (int64_t begin = stage; begin < layers_; ++begin) {
          if (fronts[begin].empty()) continue;
          AddStages(stage, begin, next.type, fronts[begin], targets, to);
          if (budget_ < 0) return;
        }
      }
    }
  }

  // All stages [begin, ...) on a device of `type`, after each of `front`.
  void AddStages(int64_t stage, int64_t begin, int type, const Front& front,
                 std::vector<Front>& targets, Level& to) {
    const bool last = stage + 1 == query_.stages;
    const int64_t end_max = layers_ - (query_.stages - stage - 1);
    for (int64_t end = last ? layers_ : begin + 1; end <= end_max; ++end) {
      --budget_;
      // Without recomputation a stage only becomes slower.
      if (query_.max_weight * Work(begin, end, type) >= query_.value_below) {
        return;
      }
      const std::optional<int64_t> time = StageTime(stage, begin, end, type);
      if (!time.has_value()) continue;
      for (const int parent : front) {
        const Prefix& before = levels_[stage].prefixes[parent];
        const Prefix prefix = {.sum = before.sum + *time,
                               .max = std::max(before.max, *time),
                               .parent = parent,
                               .type = type,
                               .end = end};
        if (LeastValue(prefix, stage + 1) >= query_.value_below) continue;
        Insert(prefix, targets[end], to.prefixes);
      }
    }
  }

  int64_t Work(int64_t begin, int64_t end, int type) const {
    return query_.scale.Work(query_.model.Times(begin, end).total(),
                             query_.devices.types()[type].speed_millionths);
  }

  // With the cheapest recomputation that fits; nothing when none does.
  std::optional<int64_t> StageTime(int64_t stage, int64_t begin, int64_t end,
                                   int type) {
    const int64_t in_flight = query_.in_flight ? query_.in_flight(stage) : 0;
    const DeviceType& device = query_.devices.types()[type];
    if (query_.recompute.policy != SolveRecompute::kAlways &&
        SaturatingSum(query_.model.FixedBytes(begin, end),
                      SaturatingProduct(in_flight, query_.model.ActivationBytes(
                                                       begin, end))) <=
            device.memory_bytes) {
      return Work(begin, end, type);
    }
    const std::array<int64_t, 4> key = {in_flight, begin, end, type};
    const auto found = times_.find(key);
    if (found != times_.end()) return found->second;
    const auto choice = ChooseRecompute(query_.model, {{begin, end, in_flight}},
                                        query_.recompute, device.memory_bytes);
    std::optional<int64_t> time;
    if (choice.has_value()) {
      time = query_.scale.Work(
          query_.model.Times(begin, end).total() + choice->added,
          device.speed_millionths);
    }
    times_[key] = time;
    return time;
  }

  // Whatever the other stages are, the value is not below this.
  int64_t LeastValue(const Prefix& prefix, int64_t stages) const {
    const int64_t rest = query_.scale.Work(
        query_.model.Times(prefix.end, layers_).total(), fastest_);
    const int64_t left = query_.stages - stages;
    const int64_t share = left > 0 ? (rest + left - 1) / left : 0;
    return query_.sum_weight * (prefix.sum + rest) +
           query_.max_weight * std::max(prefix.max, share);
  }

  // Unless another one is no worse in both; removes those that it beats.
  void Insert(const Prefix& prefix, Front& front,
              std::vector<Prefix>& prefixes) const {
    const bool needs_sum = query_.sum_weight > 0;
    const auto beats = [&](const Prefix& a, const Prefix& b) {
      return a.max <= b.max && (!needs_sum || a.sum <= b.sum);
    };
    for (const int other : front) {
      if (beats(prefixes[other], prefix)) return;
    }
    front.erase(std::remove_if(
                    front.begin(), front.end(),
                    [&](int other) { return beats(prefix, prefixes[other]); }),
                front.end());
    front.push_back(static_cast<int>(prefixes.size()));
    prefixes.push_back(prefix);
  }

  int64_t Value(const Prefix& prefix) const {
    return query_.sum_weight * prefix.sum + query_.max_weight * prefix.max;
  }

  std::optional<Chain> Best() const {
    const Level& last = levels_.back();
    int best = -1;
    for (const auto& [position, fronts] : last.fronts) {
      for (const int prefix : fronts[layers_]) {
        if (best < 0 ||
            Value(last.prefixes[prefix]) < Value(last.prefixes[best])) {
          best = prefix;
        }
      }
    }
    if (best < 0) return std::nullopt;
    Chain chain{.value = Value(last.prefixes[best]),
                .cuts = std::vector<int64_t>(query_.stages + 1),
                .types = std::vector<int>(query_.stages)};
    for (int64_t stage = query_.stages; stage > 0; --stage) {
      const Prefix& prefix = levels_[stage].prefixes[best];
      chain.cuts[stage] = prefix.end;
      chain.types[stage - 1] = prefix.type;
      best = prefix.parent;
    }
    return chain;
  }

  const ChainQuery& query_;
  int64_t& budget_;
  const int64_t layers_;
  int64_t fastest_ = 0;
  std::vector<Level> levels_;
  // Of stages that fit only when something is recomputed, if at all; by
  // micro-batches in flight, layers and type.
  std::map<std::array<int64_t, 4>, std::optional<int64_t>> times_;
};

}  // namespace

ChainResult SearchChain(const ChainQuery& query, int64_t& budget) {
  if (query.stages < 1 || query.stages > query.model.layers()) return {};
  if (!query.devices.numbered()) return {.complete = false};
  return ChainSearch(query, budget).Run();
}

}  // namespace penstock
