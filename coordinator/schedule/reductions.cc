#include "coordinator/schedule/reductions.h"

#include <algorithm>
#include <map>
#include <utility>

namespace penstock {
namespace {

class Streams {
 public:
  Streams(const Schedule& schedule, const ScheduleCosts& costs,
          std::vector<std::vector<Reduction>>& of_rank)
      : schedule_(schedule),
        costs_(costs),
        of_rank_(of_rank),
        next_(of_rank.size()),
        end_(of_rank.size()) {}

  void Run() {
    for (size_t rank = 0; rank < of_rank_.size(); ++rank) {
      ranks_.push_back(rank);
    }
    while (!ranks_.empty()) {
      const size_t rank = ranks_.back();
      ranks_.pop_back();
      while (next_[rank] < of_rank_[rank].size() && Advance(rank)) {
      }
    }
  }

 private:
  // The ends of one reduction between ranks.
  struct Group {
    std::vector<std::pair<size_t, size_t>> arrived;  // Rank, position there.
    double start = 0;
  };
  using Key = std::pair<ActionKind, int>;

  // Gets the next reduction of `rank` done, or past it; false if it waits.
  bool Advance(size_t rank) {
    const size_t position = next_[rank];
    Reduction& reduction = of_rank_[rank][position];
    const double ready = std::max(reduction.issued, end_[rank]);
    if (reduction.action.kind == ActionKind::kReduceGradient) {
      reduction.start = ready;
      end_[rank] = reduction.end =
          ready + costs_.stages[reduction.action.stage].reduce;
      ++next_[rank];
      return true;
    }
    const bool copy = reduction.action.kind == ActionKind::kReduceCopy;
    const int stage = reduction.action.stage;
    Group& group =
        groups_[Key(reduction.action.kind,
                    copy ? schedule_.SliceOf(stage) : schedule_.CopyOf(stage))];
    const std::pair<size_t, size_t> end(rank, position);
    if (std::find(group.arrived.begin(), group.arrived.end(), end) !=
        group.arrived.end()) {
      return false;
    }
    group.arrived.push_back(end);
    group.start = std::max(group.start, ready);
    const size_t ends =
        copy ? schedule_.copies : std::min(schedule_.stages_per_copy(), 2);
    if (group.arrived.size() == ends) {
      Finish(group);
    } else if (IsPartner(reduction, rank, position + 1)) {
      ++next_[rank];
    } else {
      return false;
    }
    return true;
  }

  // Whether the rank's reduction at `position` is another end of the same.
  bool IsPartner(const Reduction& reduction, size_t rank,
                 size_t position) const {
    return position < of_rank_[rank].size() &&
           of_rank_[rank][position].action.kind == reduction.action.kind &&
           (reduction.action.kind == ActionKind::kReduceCopy
                ? schedule_.SliceOf(of_rank_[rank][position].action.stage) ==
                      schedule_.SliceOf(reduction.action.stage)
                : schedule_.CopyOf(of_rank_[rank][position].action.stage) ==
                      schedule_.CopyOf(reduction.action.stage));
  }

  void Finish(const Group& group) {
    for (const auto& [rank, position] : group.arrived) {
      Reduction& reduction = of_rank_[rank][position];
      reduction.start = group.start;
      end_[rank] = reduction.end = group.start + costs_.tied;
      next_[rank] = std::max(next_[rank], position + 1);
      ranks_.push_back(rank);
    }
  }

  const Schedule& schedule_;
  const ScheduleCosts& costs_;
  std::vector<std::vector<Reduction>>& of_rank_;
  std::vector<size_t> next_;   // Per rank: position of its next reduction.
  std::vector<double> end_;    // Per rank: of its last one.
  std::vector<size_t> ranks_;  // To be advanced.
  std::map<Key, Group> groups_;
};

}  // namespace

void TimeReductions(const Schedule& schedule, const ScheduleCosts& costs,
                    std::vector<std::vector<Reduction>>& of_rank) {
  Streams(schedule, costs, of_rank).Run();
}

}  // namespace penstock
