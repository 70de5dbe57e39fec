#include "coordinator/schedule/search_schedule.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "coordinator/schedule/insert_weights.h"
#include "coordinator/schedule/justification_search.h"
#include "coordinator/schedule/list_search.h"
#include "coordinator/schedule/list_times.h"
#include "coordinator/schedule/lower_bound.h"
#include "coordinator/schedule/order_search.h"
#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/rule_search.h"
#include "coordinator/schedule/squeeze.h"

namespace penstock {
namespace {

// Sums of times in another order differ by so much.
constexpr double kRounding = 1e-12;
constexpr double kNever = std::numeric_limits<double>::infinity();

using Programs = std::vector<std::vector<Action>>;

Programs SplitBackward(const Programs& programs) {
  Programs split(programs.size());
  for (size_t rank = 0; rank < programs.size(); ++rank) {
    for (Action action : programs[rank]) {
      action.overlaps_next = false;
      if (action.kind != ActionKind::kBackward) {
        split[rank].push_back(action);
        continue;
      }
      action.kind = ActionKind::kBackwardInput;
      split[rank].push_back(action);
      action.kind = ActionKind::kBackwardWeight;
      split[rank].push_back(action);
    }
  }
  return split;
}

PassOrders WithoutWeights(const Programs& programs) {
  PassOrders orders(programs.size());
  for (size_t rank = 0; rank < programs.size(); ++rank) {
    for (const Action& action : programs[rank]) {
      if (action.kind == ActionKind::kBackwardWeight) continue;
      orders[rank].push_back(action);
    }
  }
  return orders;
}

class ScheduleSearch {
 public:
  ScheduleSearch(const PipelineInstance& instance, const SearchOptions& options)
      : instance_(instance),
        options_(options),
        bound_(LowerBound(instance, options.objective)),
        timer_(instance),
        even_(WithEvenTimes(instance)) {
    found_.value = kNever;
  }

  FoundSchedule Run(const std::vector<Programs>& starts) {
    for (const Programs& start : starts) TryList(SplitBackward(start));
    SearchOptions part = options_;
    // A wave's patterns get more out of theirs.
    part.evaluations =
        std::max(1, options_.evaluations * (IsWave() ? 1 : 6) / 8);
    Take(SearchRules(instance_, part));
    for (const Programs& start : starts)
      TryOrders(WithoutWeights(SplitBackward(start)));
    if (instance_.stages() == instance_.ranks) {
      for (const PassOrders& orders : WarmUpOrders(instance_))
        TryOrders(orders);
    }
    if (IsWave()) TryPatterns();
    TryDrain();
    TryJustified(starts);
    Polish();
    return std::move(found_);
  }

 private:
  // Also when nothing better can be.
  bool Done() const {
    const double value = options_.objective == Objective::kSpan
                             ? found_.times.span
                             : found_.times.makespan;
    return found_.evaluations >= options_.evaluations || options_.stop() ||
           (!found_.programs.empty() && value <= bound_ * (1 + kRounding));
  }

  void Take(FoundSchedule found) {
    const int evaluations = found_.evaluations + found.evaluations;
    if (found.value < found_.value) found_ = std::move(found);
    found_.evaluations = evaluations;
  }

  void TryList(Programs programs) {
    ++found_.evaluations;
    if (!KeepsToMemory(instance_, programs)) return;
    const std::optional<ListTimes> times = timer_.Run(programs);
    if (!times) return;
    const double value = times->Value(options_.objective);
    if (value >= found_.value) return;
    found_.value = value;
    found_.times = *times;
    found_.programs = std::move(programs);
  }

  void TryOrders(const PassOrders& orders) {
    if (Done()) return;
    Take(SearchWeights(instance_, orders, options_));
  }

  bool IsWave() const {
    return instance_.copies == 1 && instance_.stages() == 2 * instance_.ranks &&
           instance_.rank_of_stage ==
               RankOfStage(Placement::kWave, instance_.ranks, 2);
  }

  // Patterns with slopes from 1 to 4, those first whose activations come
  // nearest to the memory. Each gets a quick look, the best all settings.
  void TryPatterns() {
    constexpr size_t kTaken = 3;
    std::vector<std::pair<double, PassOrders>> best;
    const int looks = options_.evaluations / 4;
    for (const SlopePattern& pattern : PatternsFor(instance_)) {
      if (Done() || found_.evaluations > looks) break;
      const TimedSchedule laid = LayOut(instance_, pattern);
      for (PassOrders orders : {Squeeze(even_, laid), laid.programs}) {
        const double value = QuickLook(orders);
        best.emplace_back(value, std::move(orders));
      }
      std::stable_sort(
          best.begin(), best.end(),
          [](const auto& a, const auto& b) { return a.first < b.first; });
      best.resize(std::min(best.size(), kTaken));
    }
    for (const auto& [value, orders] : best) TryOrders(orders);
  }

  // With W's as soon as possible, and with W's only in gaps.
  double QuickLook(const PassOrders& orders) {
    double best = kNever;
    for (const int pending : {0, instance_.microbatches * instance_.stages()}) {
      WeightRules rules;
      rules.fill.assign(instance_.ranks, pending == 0 ? 0 : 0.5);
      rules.pending_max.assign(instance_.ranks, pending);
      ++found_.evaluations;
      const auto timed = InsertWeights(instance_, orders, rules);
      if (!timed) continue;
      best = std::min(best, timed->times.Value(options_.objective));
    }
    return best;
  }

  // Behind a rank's last F nothing keeps its I's but W's, which fit in between:
  // moves them forward as if those were not there.
  void TryDrain() {
    for (double before = kNever; found_.value < before && !Done();) {
      before = found_.value;
      if (!timer_.Run(found_.programs)) return;
      TimedSchedule timed;
      timed.programs.resize(instance_.ranks);
      timed.starts.resize(instance_.ranks);
      for (int rank = 0; rank < instance_.ranks; ++rank) {
        const std::vector<Action>& program = found_.programs[rank];
        const auto last_forward = std::find_if(
            program.rbegin(), program.rend(), [](const Action& action) {
              return action.kind == ActionKind::kForward;
            });
        const int drain = static_cast<int>(program.rend() - last_forward);
        for (int i = 0; i < static_cast<int>(program.size()); ++i) {
          if (i >= drain && program[i].kind == ActionKind::kBackwardWeight) {
            continue;
          }
          timed.programs[rank].push_back(program[i]);
          timed.starts[rank].push_back(timer_.Start({rank, i}));
        }
      }
      TryOrders(Squeeze(instance_, timed));
    }
  }

  // Of the starts and of what has been found so far.
  void TryJustified(const std::vector<Programs>& starts) {
    if (Done()) return;
    std::vector<Programs> pool;
    if (!found_.programs.empty()) pool.push_back(found_.programs);
    for (const Programs& start : starts) {
      Programs split = SplitBackward(start);
      if (split == found_.programs || !KeepsToMemory(instance_, split) ||
          !timer_.Run(split)) {
        continue;
      }
      pool.push_back(std::move(split));
    }
    SearchOptions part = options_;
    part.evaluations = std::min(options_.evaluations / 2,
                                options_.evaluations - found_.evaluations);
    Take(SearchJustified(instance_, pool, part));
  }

  void Polish() {
    if (found_.programs.empty() || Done()) return;
    SearchOptions rest = options_;
    rest.evaluations = options_.evaluations - found_.evaluations;
    TryList(SearchLists(instance_, found_.programs, rest));
    found_.evaluations += rest.evaluations;
  }

  const PipelineInstance& instance_;
  const SearchOptions& options_;
  const double bound_;
  ListTimer timer_;
  const PipelineInstance even_;
  FoundSchedule found_;
};

}  // namespace

FoundSchedule SearchSchedule(const PipelineInstance& instance,
                             const std::vector<Programs>& starts,
                             const SearchOptions& options) {
  return ScheduleSearch(instance, options).Run(starts);
}

Schedule ToSchedule(const PipelineInstance& instance, Programs programs) {
  Schedule schedule;
  schedule.microbatches = instance.microbatches;
  schedule.rank_of_stage = instance.rank_of_stage;
  schedule.copies = instance.copies;
  schedule.programs = std::move(programs);
  return schedule;
}

}  // namespace penstock
