#include "coordinator/schedule/fused_wave.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/wave_pattern.h"

namespace penstock {
namespace {

// A rank's timeline in slots, and what it holds.
class Timeline {
 public:
  Timeline(size_t slots, size_t actions) : busy_(slots), change_(slots + 1) {
    actions_.reserve(actions);
  }

  // Puts `action` into the first gap from `ready` on where, for an F, the rank
  // then holds at most `limit` for good. Returns its end.
  int Place(const Action& action, int ready, int limit) {
    const bool forward = action.kind == ActionKind::kForward;
    const int slots = forward ? 1 : 2;
    int begin = forward ? FirstBelow(ready, limit) : ready;
    while (busy_[begin] || (!forward && busy_[begin + 1])) ++begin;
    for (int slot = begin; slot < begin + slots; ++slot) busy_[slot] = true;
    const int change = forward ? begin : begin + slots;
    change_[change] = static_cast<int8_t>(change_[change] + (forward ? 1 : -1));
    held_ += forward ? 1 : -1;
    last_change_ = std::max(last_change_, change);
    actions_.emplace_back(begin, action);
    return begin + slots;
  }

  std::vector<Action> Program() && {
    std::sort(actions_.begin(), actions_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Action> program;
    program.reserve(actions_.size());
    for (const auto& [begin, action] : actions_) program.push_back(action);
    return program;
  }

 private:
  // The first slot >= `ready` from which on fewer than `limit` are held.
  int FirstBelow(int ready, int limit) const {
    int slot = std::max(ready, last_change_);
    int held = held_;
    while (slot > ready && held - change_[slot] < limit) {
      held -= change_[slot];
      --slot;
    }
    return slot;
  }

  std::vector<bool> busy_;
  std::vector<int8_t> change_;  // Of the activations held, per slot.
  int held_ = 0;                // After the last change.
  int last_change_ = 0;
  std::vector<std::pair<int, Action>> actions_;  // With their beginnings.
};

struct Placed {
  std::vector<Timeline> timelines;
  int end = 0;
};

Placed Place(const WavePattern& pattern, int microbatches, int limit) {
  const int stages = pattern.stages();
  const int period = pattern.period();
  const int slots = period * (microbatches - 1) + pattern.end();
  const std::vector<int> rank_of_stage =
      RankOfStage(Placement::kWave, pattern.ranks, pattern.stages_per_rank);
  Placed placed;
  for (int rank = 0; rank < pattern.ranks; ++rank) {
    placed.timelines.emplace_back(
        slots, size_t{2} * pattern.stages_per_rank * microbatches);
  }
  // The places of the chain by the slot of the period in which they begin.
  std::vector<std::vector<int>> places(period);
  for (int place = 0; place < 2 * stages; ++place) {
    places[pattern.begins[place] % period].push_back(place);
  }
  std::vector<int> ready(microbatches);
  for (int now = 0; now < slots; ++now) {
    for (const int place : places[now % period]) {
      const int microbatch = (now - pattern.begins[place]) / period;
      if (now < pattern.begins[place] || microbatch >= microbatches) continue;
      const bool forward = place < stages;
      const int stage = forward ? place : 2 * stages - 1 - place;
      ready[microbatch] = placed.timelines[rank_of_stage[stage]].Place(
          {stage, forward ? ActionKind::kForward : ActionKind::kBackward,
           microbatch},
          ready[microbatch], limit);
      placed.end = std::max(placed.end, ready[microbatch]);
    }
  }
  return placed;
}

struct Choice {
  WavePattern pattern;
  int limit = 0;
};

Choice Choose(const WaveOptions& options) {
  // More show nothing that is not there already.
  const int microbatches = std::min(options.microbatches, 4 * options.ranks);
  std::optional<Choice> best;
  std::pair<int, int> best_cost;
  for (WavePattern& pattern :
       FindWavePatterns(options.ranks, options.stages_per_rank)) {
    const int peak = PeakActivations(pattern);
    const int over = std::max(0, peak - options.activations_max);
    const int limit = std::max(peak, options.activations_max);
    const std::pair<int, int> cost(over,
                                   Place(pattern, microbatches, limit).end);
    if (best.has_value() && best_cost <= cost) continue;
    best_cost = cost;
    best = {std::move(pattern), limit};
  }
  return *std::move(best);
}

}  // namespace

Schedule FusedWave(const WaveOptions& options) {
  const Choice choice = Choose(options);
  Placed placed = Place(choice.pattern, options.microbatches, choice.limit);
  Schedule schedule{
      .microbatches = options.microbatches,
      .rank_of_stage = RankOfStage(Placement::kWave, options.ranks,
                                   options.stages_per_rank)};
  for (Timeline& timeline : placed.timelines) {
    schedule.programs.push_back(std::move(timeline).Program());
  }
  return schedule;
}

}  // namespace penstock
