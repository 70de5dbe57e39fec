#include "coordinator/planner/solve/recompute_choice.h"

#include <algorithm>

#include "coordinator/planner/solve/saturating.h"

namespace penstock {
namespace {

constexpr size_t kMixturesMax = 1 << 12;

struct Candidate {
  int64_t layer = 0;
  int64_t saved = 0;  // Of all its micro-batches in flight.
  int64_t added = 0;
};

// Some of the candidates; `parent` is the mixture that it adds `candidate` to.
struct Mixture {
  int64_t saved = 0;
  int64_t added = 0;
  int parent = -1;
  int candidate = -1;
};

struct Needs {
  int64_t bytes = 0;  // Nothing recomputed.
  int64_t workspace = 0;
  std::vector<Candidate> candidates;
};

Needs NeedsOf(const StageModel& model, const std::vector<HeldStage>& stages) {
  Needs needs;
  for (const HeldStage& stage : stages) {
    needs.bytes = SaturatingSum(
        needs.bytes,
        SaturatingSum(
            model.FixedBytes(stage.begin, stage.end),
            SaturatingProduct(stage.in_flight,
                              model.ActivationBytes(stage.begin, stage.end))));
    for (int64_t index = stage.begin; index < stage.end; ++index) {
      const int64_t saving = model.layer(index).saving();
      if (saving <= 0) continue;
      needs.workspace = std::max(needs.workspace, saving);
      needs.candidates.push_back({index,
                                  SaturatingProduct(stage.in_flight, saving),
                                  model.layer(index).times.forward});
    }
  }
  return needs;
}

// The mixtures of the front so far with and without one more candidate, by
// ascending added time and saved bytes; those beyond `wanted` count as that.
// `all` keeps every mixture, for their parents.
std::vector<int> Extend(const std::vector<int>& front, int64_t wanted,
                        const Candidate& candidate, int index,
                        std::vector<Mixture>& all) {
  std::vector<int> both = front;
  for (const int old : front) {
    all.push_back({std::min(wanted, all[old].saved + candidate.saved),
                   all[old].added + candidate.added, old, index});
    both.push_back(static_cast<int>(all.size()) - 1);
  }
  std::stable_sort(both.begin(), both.end(), [&](int a, int b) {
    return all[a].added != all[b].added ? all[a].added < all[b].added
                                        : all[a].saved > all[b].saved;
  });
  std::vector<int> kept;
  for (const int mixture : both) {
    if (kept.empty() || all[mixture].saved > all[kept.back()].saved) {
      kept.push_back(mixture);
    }
  }
  return kept;
}

// Those of the candidates that save `wanted` for the least time; they do
// together.
RecomputeChoice Cheapest(const std::vector<Candidate>& candidates,
                         int64_t wanted) {
  std::vector<Mixture> all(1);
  std::vector<int> front = {0};
  RecomputeChoice choice;
  for (size_t i = 0; i < candidates.size(); ++i) {
    front = Extend(front, wanted, candidates[i], static_cast<int>(i), all);
    if (front.size() <= kMixturesMax) continue;
    choice.least = false;
    // Every other one; the last, which saves most, stays.
    std::vector<int> thinned;
    for (size_t j = front.size() % 2 == 0 ? 1 : 0; j < front.size(); j += 2) {
      thinned.push_back(front[j]);
    }
    front = std::move(thinned);
  }
  choice.added = all[front.back()].added;
  for (int mixture = front.back(); all[mixture].parent >= 0;
       mixture = all[mixture].parent) {
    choice.layers.push_back(candidates[all[mixture].candidate].layer);
  }
  std::sort(choice.layers.begin(), choice.layers.end());
  return choice;
}

RecomputeChoice Everything(const std::vector<Candidate>& candidates) {
  RecomputeChoice choice;
  for (const Candidate& candidate : candidates) {
    choice.layers.push_back(candidate.layer);
    choice.added += candidate.added;
  }
  std::sort(choice.layers.begin(), choice.layers.end());
  return choice;
}

int64_t SavedBy(const RecomputeChoice& choice,
                const std::vector<Candidate>& candidates) {
  int64_t saved = 0;
  for (const Candidate& candidate : candidates) {
    if (std::binary_search(choice.layers.begin(), choice.layers.end(),
                           candidate.layer)) {
      saved = SaturatingSum(saved, candidate.saved);
    }
  }
  return saved;
}

}  // namespace

std::optional<RecomputeChoice> ChooseRecompute(
    const StageModel& model, const std::vector<HeldStage>& stages,
    const RecomputeRule& rule, int64_t capacity, int64_t* bytes_least) {
  Needs needs = NeedsOf(model, stages);
  const bool always = rule.policy == SolveRecompute::kAlways;
  if (needs.bytes <= capacity && !always) {
    return RecomputeChoice{.bytes = needs.bytes};
  }
  if (rule.policy == SolveRecompute::kNever) needs.candidates.clear();
  const int64_t workspace =
      rule.counts_workspace && !needs.candidates.empty() ? needs.workspace : 0;
  const int64_t before = SaturatingSum(needs.bytes, workspace);
  const RecomputeChoice everything = Everything(needs.candidates);
  const int64_t least = before - SavedBy(everything, needs.candidates);
  if (bytes_least != nullptr) *bytes_least = std::min(least, needs.bytes);
  if (least > capacity) return std::nullopt;
  RecomputeChoice choice =
      always ? everything : Cheapest(needs.candidates, before - capacity);
  choice.bytes = before - SavedBy(choice, needs.candidates);
  return choice;
}

}  // namespace penstock
