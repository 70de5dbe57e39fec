#include "coordinator/schedule/justification_search.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "coordinator/schedule/justify.h"
#include "coordinator/schedule/list_times.h"
#include "proto/base/check.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

using Programs = std::vector<std::vector<Action>>;

class JustificationSearch {
 public:
  JustificationSearch(const PipelineInstance& instance,
                      const SearchOptions& options)
      : instance_(instance),
        options_(options),
        random_(Mix64(options.seed)),
        timer_(instance) {
    found_.value = std::numeric_limits<double>::infinity();
  }

  FoundSchedule Run(const std::vector<Programs>& starts) {
    if (starts.empty()) return found_;
    const int share =
        options_.evaluations / 4 / static_cast<int>(starts.size());
    std::vector<Path> paths;
    for (const Programs& start : starts) {
      PENSTOCK_CHECK(timer_.Run(start).has_value());
      paths.push_back({.actions = WithEnds(start)});
      Follow(paths.back(), std::max(1, share));
    }
    const auto best = std::min_element(
        paths.begin(), paths.end(),
        [](const Path& a, const Path& b) { return a.value < b.value; });
    Follow(*best, options_.evaluations - found_.evaluations);
    return std::move(found_);
  }

 private:
  // Where one start has led to.
  struct Path {
    std::vector<EndingAction> actions;
    double value = std::numeric_limits<double>::infinity();
  };

  // Requires that the last Run was of `programs`. Of equal ends the later of a
  // rank comes first.
  std::vector<EndingAction> WithEnds(const Programs& programs) const {
    std::vector<EndingAction> actions;
    for (int rank = instance_.ranks - 1; rank >= 0; --rank) {
      for (int i = static_cast<int>(programs[rank].size()) - 1; i >= 0; --i) {
        actions.push_back({programs[rank][i], timer_.End({rank, i})});
      }
    }
    return actions;
  }

  // The first time the order stays as it is.
  void Follow(Path& path, int evaluations) {
    const bool first = path.value == std::numeric_limits<double>::infinity();
    for (int i = 0; i < evaluations; ++i) {
      if (i % 32 == 0 && options_.stop()) return;
      const bool as_it_is = first && i == 0;
      const uint64_t moves = as_it_is ? 0 : 1 + random_.Below(3);
      const OrderBias late = (moves & 1) != 0 ? Draw() : OrderBias();
      const OrderBias early = (moves & 2) != 0 ? Draw() : OrderBias();
      ++found_.evaluations;
      Try(Justify(instance_, path.actions, late, early), path);
    }
  }

  void Try(std::optional<Programs> programs, Path& path) {
    if (!programs || !KeepsToMemory(instance_, *programs)) return;
    const std::optional<ListTimes> times = timer_.Run(*programs);
    if (!times) return;
    const double value = times->Value(options_.objective);
    if (value > path.value) return;
    path.value = value;
    path.actions = WithEnds(*programs);
    if (value >= found_.value) return;
    found_.value = value;
    found_.times = *times;
    found_.programs = *std::move(programs);
  }

  // For each kind and round of stages over the ranks, every third time: linear
  // from one rank to another, up to three of the
  // stage's mean times.
  OrderBias Draw() {
    OrderBias bias;
    const int rounds =
        (instance_.stages() + instance_.ranks - 1) / instance_.ranks;
    for (std::vector<double>& stages : bias) {
      stages.resize(instance_.rank_of_stage.size());
      for (int round = 0; round < rounds; ++round) {
        if (random_.Below(3) == 0) DrawRound(round, stages);
      }
    }
    return bias;
  }

  void DrawRound(int round, std::vector<double>& stages) {
    const double constant = DrawQuarters();
    const double slope = DrawQuarters() / instance_.ranks;
    const bool all = random_.Below(2) == 0;
    const int first = all ? 0 : Below(instance_.ranks);
    const int last =
        all ? instance_.ranks - 1 : first + Below(instance_.ranks - first);
    const int begin = round * instance_.ranks;
    const int end = std::min(begin + instance_.ranks, instance_.stages());
    for (int stage = begin; stage < end; ++stage) {
      const int rank = instance_.rank_of_stage[stage];
      if (rank < first || rank > last) continue;
      stages[stage] =
          (constant + slope * rank) * instance_.costs.stages[stage].forward;
    }
  }

  // From -1.5 to 1.5.
  double DrawQuarters() { return 0.25 * (Below(13) - 6); }
  int Below(int n) { return static_cast<int>(random_.Below(n)); }

  const PipelineInstance& instance_;
  const SearchOptions& options_;
  Random random_;
  ListTimer timer_;
  FoundSchedule found_;
};

}  // namespace

FoundSchedule SearchJustified(const PipelineInstance& instance,
                              const std::vector<Programs>& starts,
                              const SearchOptions& options) {
  return JustificationSearch(instance, options).Run(starts);
}

}  // namespace penstock
