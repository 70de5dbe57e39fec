#include "coordinator/schedule/wave_pattern.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

#include "coordinator/schedule/placement.h"

namespace penstock {
namespace {

constexpr int kForwardSlots = 1;
constexpr int kBackwardSlots = 2;

// What the search has placed so far, a prefix of the chain.
struct Partial {
  int end = 0;                // Of the last action.
  std::vector<uint8_t> busy;  // Per rank, the slots of its period.
  std::vector<int> begins;
};

class Search {
 public:
  Search(int ranks, int stages_per_rank)
      : ranks_(ranks),
        stages_per_rank_(stages_per_rank),
        stages_(ranks * stages_per_rank),
        period_(3 * stages_per_rank),
        // Wide enough to find the best for up to 64 stages.
        beam_(static_cast<size_t>(std::clamp(1024 / stages_, 1, 16))),
        rank_of_stage_(RankOfStage(Placement::kWave, ranks, stages_per_rank)) {}

  std::vector<WavePattern> Run() {
    std::vector<Partial> beam = {
        {.busy = std::vector<uint8_t>(size_t{1} * ranks_ * period_)}};
    for (int place = 0; place < 2 * stages_; ++place) {
      std::vector<Partial> longer;
      for (const Partial& partial : beam) Extend(partial, place, longer);
      beam = Best(std::move(longer));
    }
    std::vector<WavePattern> patterns;
    for (Partial& partial : beam) {
      patterns.push_back({ranks_, stages_per_rank_, std::move(partial.begins)});
    }
    return patterns;
  }

 private:
  // `partial` with the action at `place` of the chain, in the earliest slots.
  void Extend(const Partial& partial, int place,
              std::vector<Partial>& longer) const {
    const bool forward = place < stages_;
    const int stage = forward ? place : 2 * stages_ - 1 - place;
    const int slots = forward ? kForwardSlots : kBackwardSlots;
    // B's of the rank that are still to come.
    const int backwards = forward ? stages_per_rank_ : stage / ranks_;
    size_t found = 0;
    for (int wait = 0; wait < period_ && found < beam_; ++wait) {
      Partial next = partial;
      uint8_t* const busy =
          &next.busy[size_t{1} * period_ * rank_of_stage_[stage]];
      const int begin = partial.end + wait;
      if (!Take(busy, begin, slots) || Pairs(busy) < backwards) continue;
      next.end = begin + slots;
      next.begins.push_back(begin);
      longer.push_back(std::move(next));
      ++found;
    }
  }

  bool Take(uint8_t* busy, int begin, int slots) const {
    for (int slot = begin; slot < begin + slots; ++slot) {
      if (busy[slot % period_] != 0) return false;
      busy[slot % period_] = 1;
    }
    return true;
  }

  // How many B's find room in what is free.
  int Pairs(const uint8_t* busy) const {
    const uint8_t* const first = std::find(busy, busy + period_, 1);
    const int start = static_cast<int>(first - busy) % period_;
    int pairs = 0;
    int run = 0;
    for (int i = 1; i <= period_; ++i) {
      if (busy[(start + i) % period_] == 0) {
        ++run;
      } else {
        pairs += run / 2;
        run = 0;
      }
    }
    return pairs;
  }

  std::vector<Partial> Best(std::vector<Partial> partials) const {
    std::sort(partials.begin(), partials.end(),
              [](const Partial& a, const Partial& b) {
                return std::tie(a.end, a.busy, a.begins) <
                       std::tie(b.end, b.busy, b.begins);
              });
    // What ends alike and leaves the same room is one.
    const auto end = std::unique(partials.begin(), partials.end(),
                                 [](const Partial& a, const Partial& b) {
                                   return a.end == b.end && a.busy == b.busy;
                                 });
    partials.erase(end, partials.end());
    if (partials.size() > beam_) partials.resize(beam_);
    return partials;
  }

  const int ranks_;
  const int stages_per_rank_;
  const int stages_;
  const int period_;
  const size_t beam_;
  const std::vector<int> rank_of_stage_;
};

}  // namespace

std::vector<WavePattern> FindWavePatterns(int ranks, int stages_per_rank) {
  return Search(ranks, stages_per_rank).Run();
}

int PeakActivations(const WavePattern& pattern) {
  const int period = pattern.period();
  const int stages = pattern.stages();
  const std::vector<int> rank_of_stage =
      RankOfStage(Placement::kWave, pattern.ranks, pattern.stages_per_rank);
  // When the first micro-batch is through, so that every period is alike.
  const int steady = (pattern.end() / period + 1) * period;
  std::vector<int> held(size_t{1} * pattern.ranks * period);
  for (int stage = 0; stage < stages; ++stage) {
    const int forward = pattern.begins[stage];
    const int release = pattern.begins[2 * stages - 1 - stage] + kBackwardSlots;
    for (int slot = 0; slot < period; ++slot) {
      const int now = steady + slot;
      held[size_t{1} * rank_of_stage[stage] * period + slot] +=
          (now - forward) / period - (now - release) / period;
    }
  }
  return *std::max_element(held.begin(), held.end());
}

}  // namespace penstock
