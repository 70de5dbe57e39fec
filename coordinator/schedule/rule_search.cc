#include "coordinator/schedule/rule_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "coordinator/schedule/list_schedule.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

// Larger than any number of micro-batches: one kind goes before the other.
constexpr double kAlways = 1e7;

enum class Waiting { kEqual, kFewAtFirstRank, kFewAtLastRank };
enum class Priority { kInOrder, kDeepestFirst, kDeepestForward };

// A family of rules with few numbers.
struct Family {
  double slope = 1;  // Of the in-flight caps; 0: no cap but memory.
  int pending = 0;
  Waiting waiting = Waiting::kEqual;
  double fill = 0;
  double patience = 0;
  int group = 1;
  Priority priority = Priority::kInOrder;
};

ListRules RulesOf(const PipelineInstance& instance, const Family& family) {
  ListRules rules;
  const int slices = instance.stages_per_copy();
  const double chunks =
      std::max(1.0, static_cast<double>(slices) / instance.ranks);
  rules.group_size = std::max(1, family.group);
  for (int stage = 0; stage < instance.stages(); ++stage) {
    const int slice = stage % slices;
    const double cap = 1 + family.slope * (slices - 1 - slice);
    rules.in_flight_max.push_back(
        family.slope == 0 ? instance.microbatches
                          : std::max(1, static_cast<int>(std::lround(cap))));
    const double round = rules.group_size * (slice / instance.ranks) / chunks;
    rules.forward_offset.push_back(
        family.priority == Priority::kInOrder ? round : -kAlways * slice);
    rules.backward_offset.push_back(
        -kAlways * slices -
        (family.priority == Priority::kDeepestFirst ? kAlways * slice : round));
  }
  for (int rank = 0; rank < instance.ranks; ++rank) {
    int pending = family.pending;
    if (family.waiting == Waiting::kFewAtFirstRank) {
      pending = pending * rank / instance.ranks;
    } else if (family.waiting == Waiting::kFewAtLastRank) {
      pending = pending * (instance.ranks - 1 - rank) / instance.ranks;
    }
    rules.pending_max.push_back(pending);
  }
  rules.fill.assign(instance.ranks, family.fill);
  rules.patience.assign(instance.ranks, family.patience);
  return rules;
}

class RuleSearch {
 public:
  RuleSearch(const PipelineInstance& instance, const SearchOptions& options)
      : instance_(instance),
        options_(options),
        random_(Mix64(options.seed)),
        scheduler_(instance) {
    found_.value = std::numeric_limits<double>::infinity();
  }

  FoundSchedule Run() {
    const double chunks =
        std::max(1.0, static_cast<double>(instance_.stages_per_copy()) /
                          instance_.ranks);
    for (const double slope : {1.0, 2.0, 0.0, 1 / chunks, 1.5, 3.0}) {
      for (const int pending : {0, instance_.ranks, Many()}) {
        if (2 * found_.evaluations > options_.evaluations) break;
        Descend({.slope = slope, .pending = pending});
      }
    }
    Climb();
    return std::move(found_);
  }

 private:
  int Many() const { return instance_.microbatches * instance_.stages(); }
  bool Done() const {
    return found_.evaluations >= options_.evaluations || stopped_;
  }

  double Try(const ListRules& rules) {
    const double none = std::numeric_limits<double>::infinity();
    if (found_.evaluations > 0) {
      if (Done()) return none;
      if (found_.evaluations % 32 == 0) stopped_ = options_.stop();
    }
    ++found_.evaluations;
    const ListTimes times = scheduler_.Run(rules, programs_);
    const double value = times.Value(options_.objective);
    if (value < found_.value) {
      found_.value = value;
      found_.times = times;
      std::swap(found_.programs, programs_);
      best_ = rules;
    }
    return value;
  }

  template <typename T, size_t n>
  bool Sweep(Family& family, double& value, T Family::*number,
             const std::array<T, n>& choices) {
    bool better = false;
    for (const T& choice : choices) {
      Family changed = family;
      if (changed.*number == choice) continue;
      changed.*number = choice;
      const double changed_value = Try(RulesOf(instance_, changed));
      if (changed_value >= value) continue;
      value = changed_value;
      family = changed;
      better = true;
    }
    return better;
  }

  void Descend(Family family) {
    const int p = instance_.ranks;
    const int m = instance_.microbatches;
    double value = Try(RulesOf(instance_, family));
    for (bool better = true; better && !Done();) {
      better = Sweep<Priority, 3>(family, value, &Family::priority,
                                  {Priority::kInOrder, Priority::kDeepestFirst,
                                   Priority::kDeepestForward});
      better |= Sweep<double, 4>(family, value, &Family::fill, {0, 0.5, 1, 9});
      better |= Sweep<Waiting, 3>(
          family, value, &Family::waiting,
          {Waiting::kEqual, Waiting::kFewAtFirstRank, Waiting::kFewAtLastRank});
      better |= Sweep<int, 9>(family, value, &Family::pending,
                              {0, 1, 2, p / 2, p, 3 * p / 2, 2 * p, m, Many()});
      better |= Sweep<double, 3>(family, value, &Family::patience, {0, 0.5, 1});
      if (instance_.stages_per_copy() > p) {
        better |=
            Sweep<int, 4>(family, value, &Family::group, {1, p, p + 1, m});
      }
      better |= Sweep<double, 6>(
          family, value, &Family::slope,
          {family.slope * 0.9, family.slope * 1.1, family.slope * 0.75,
           family.slope * 1.25, family.slope + 1, 0.0});
    }
  }

  // Changes the rules of one rank, or of all from one to another.
  void Change(ListRules& rules) {
    const int first = Below(instance_.ranks);
    const int last =
        Below(2) == 0 ? first : first + Below(instance_.ranks - first);
    const int sign = Below(2) == 0 ? 1 : -1;
    const int what = Below(6);
    const double offset = sign * std::ldexp(1.0, Below(4) - 1);
    // Of the ranks' stages all, or those of one round.
    const int rounds = instance_.stages() / instance_.ranks;
    const int round = Below(rounds + 1);
    for (int rank = first; rank <= last; ++rank) {
      if (what == 0) {
        rules.pending_max[rank] = std::max(0, rules.pending_max[rank] + sign);
      } else if (what == 1) {
        rules.fill[rank] = std::clamp(rules.fill[rank] + 0.25 * sign, 0.0, 2.0);
      } else if (what == 2) {
        rules.patience[rank] =
            std::clamp(rules.patience[rank] + 0.25 * sign, 0.0, 2.0);
      }
    }
    for (int stage = 0; what > 2 && stage < instance_.stages(); ++stage) {
      const int rank = instance_.rank_of_stage[stage];
      if (rank < first || rank > last) continue;
      if (round < rounds && stage / instance_.ranks != round) continue;
      if (what == 3) {
        int& cap = rules.in_flight_max[stage];
        cap = std::max(1, cap + sign);
      } else {
        (what == 4 ? rules.forward_offset : rules.backward_offset)[stage] +=
            offset;
      }
    }
  }

  // Changes that make no difference are kept: they lead on.
  void Climb() {
    double value = found_.value;
    ListRules current = best_;
    while (!Done()) {
      ListRules rules = current;
      for (int changes = 1 + Below(2); changes > 0; --changes) Change(rules);
      const double changed = Try(rules);
      if (changed > value) continue;
      value = changed;
      current = std::move(rules);
    }
  }

  int Below(int n) { return static_cast<int>(random_.Below(n)); }

  const PipelineInstance& instance_;
  const SearchOptions& options_;
  Random random_;
  ListScheduler scheduler_;
  std::vector<std::vector<Action>> programs_;
  ListRules best_;
  FoundSchedule found_;
  bool stopped_ = false;
};

}  // namespace

FoundSchedule SearchRules(const PipelineInstance& instance,
                          const SearchOptions& options) {
  return RuleSearch(instance, options).Run();
}

}  // namespace penstock
