#include "coordinator/schedule/unit_times.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace penstock {
namespace {

class Ranks {
 public:
  explicit Ranks(const Schedule& schedule)
      : schedule_(schedule),
        next_(schedule.ranks()),
        free_(schedule.ranks()),
        first_(schedule.ranks(), -1),
        held_(schedule.ranks()) {
    times_.peaks.resize(schedule.ranks());
  }

  TimesInUnits Run() {
    for (bool progress = true; progress;) {
      progress = false;
      for (int rank = 0; rank < schedule_.ranks(); ++rank) {
        while (times_.error.empty() && Step(rank)) progress = true;
      }
    }
    if (times_.error.empty()) CheckEnd();
    return times_;
  }

 private:
  using Key = std::tuple<int, char, int, int>;  // Stage, letter, micro-batch...

  static char Letter(ActionKind kind) {
    // I and B make the same thing, as far as others wait for it.
    if (kind == ActionKind::kForward) return 'F';
    return kind == ActionKind::kBackwardWeight ? 'W' : 'B';
  }

  // When the inputs of `action` are there; nothing while they are not.
  std::optional<int> Ready(const Action& action) const {
    const auto [stage, kind, microbatch, version, piece, overlaps] = action;
    std::vector<Key> needs;
    if (kind == ActionKind::kForward) {
      if (!schedule_.IsFirst(stage)) {
        needs.emplace_back(stage - 1, 'F', microbatch, piece);
      }
      if (piece > 0) needs.emplace_back(stage, 'F', microbatch, piece - 1);
    } else if (kind == ActionKind::kBackwardWeight) {
      needs.emplace_back(stage, 'B', microbatch, piece);
    } else {
      needs.emplace_back(stage, 'F', microbatch, piece);
      if (!schedule_.IsLast(stage)) {
        needs.emplace_back(stage + 1, 'B', microbatch, piece);
      }
      if (piece >= 0 && piece + 1 < schedule_.pieces) {
        needs.emplace_back(stage, 'B', microbatch, piece + 1);
      }
    }
    int ready = 0;
    for (const Key& key : needs) {
      const auto done = end_.find(key);
      if (done == end_.end()) return std::nullopt;
      ready = std::max(ready, done->second);
    }
    return ready;
  }

  static int Duration(const Action& action) {
    if (action.kind == ActionKind::kUpdate) return 0;
    return action.kind == ActionKind::kBackward ? 2 : 1;
  }

  bool Step(int rank) {
    const std::vector<Action>& program = schedule_.programs[rank];
    if (next_[rank] == program.size()) return false;
    const Action& action = program[next_[rank]];
    if (action.kind == ActionKind::kUpdate) {
      updates_[action.stage] = action.microbatch;
      ++next_[rank];
      return true;
    }
    int begin = free_[rank];
    int duration = 0;
    const size_t count = action.overlaps_next ? 2 : 1;
    for (size_t i = 0; i < count; ++i) {
      const std::optional<int> ready = Ready(program[next_[rank] + i]);
      if (!ready.has_value()) return false;
      begin = std::max(begin, *ready);
      duration += Duration(program[next_[rank] + i]);
    }
    if (first_[rank] < 0) first_[rank] = begin;
    free_[rank] = begin + duration;
    for (size_t i = 0; i < count; ++i) Finish(rank, program[next_[rank]++]);
    return true;
  }

  void Finish(int rank, const Action& action) {
    const auto [stage, kind, microbatch, version, piece, overlaps] = action;
    const Key key(stage, Letter(kind), microbatch, piece);
    if (schedule_.rank_of_stage[stage] != rank) Fail(action, "wrong rank");
    if (!end_.emplace(key, free_[rank]).second) Fail(action, "twice");
    if (version > updates_[stage]) Fail(action, "version is not there");
    const int index = microbatch - schedule_.FirstMicrobatch(stage);
    if (index < 0 || index >= schedule_.microbatches_per_copy()) {
      Fail(action, "no such micro-batch");
    }
    if (kind == ActionKind::kForward) {
      version_[key] = version;
      ++held_[rank];
      times_.peaks[rank] = std::max(times_.peaks[rank], held_[rank]);
    } else if (version_[{stage, 'F', microbatch, piece}] != version) {
      Fail(action, "not the version of its F");
    }
    if (kind == ActionKind::kBackward) {
      end_.emplace(Key(stage, 'W', microbatch, piece), free_[rank]);
    }
    if (kind == ActionKind::kBackward || kind == ActionKind::kBackwardWeight) {
      --held_[rank];
    }
    times_.makespan = std::max(times_.makespan, free_[rank]);
    times_.span = std::max(times_.span, free_[rank] - first_[rank]);
  }

  void CheckEnd() {
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      const std::vector<Action>& program = schedule_.programs[rank];
      if (next_[rank] < program.size()) Fail(program[next_[rank]], "stuck");
    }
    const size_t cells = size_t{1} * schedule_.stages() *
                         schedule_.microbatches_per_copy() * schedule_.pieces;
    if (end_.size() != 3 * cells) times_.error += "not complete";
  }

  void Fail(const Action& action, const std::string& why) {
    times_.error += ToString(action) + ": " + why + "; ";
  }

  const Schedule& schedule_;
  std::vector<size_t> next_;
  std::vector<int> free_;
  std::vector<int> first_;
  std::vector<int> held_;
  std::map<Key, int> end_;
  std::map<Key, int> version_;  // Of F's.
  std::map<int, int> updates_;
  TimesInUnits times_;
};

}  // namespace

TimesInUnits ExecuteInUnits(const Schedule& schedule) {
  return Ranks(schedule).Run();
}

}  // namespace penstock
