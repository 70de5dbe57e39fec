#ifndef COORDINATOR_SCHEDULE_WALK_H_
#define COORDINATOR_SCHEDULE_WALK_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/topology.h"

namespace penstock {

// Calls `wake(rank)` for the ranks of all stages whose actions can wait for
// `action`, other than its own.
template <typename Wake>
void WakeAfter(const Schedule& schedule, const Topology& topology,
               const Action& action, const Wake& wake) {
  switch (action.kind) {
    case ActionKind::kForward:
    case ActionKind::kSendForward:
    case ActionKind::kReceiveBackward:
      if (topology[action.stage].crosses_after) {
        wake(topology[action.stage + 1].rank);
      }
      break;
    case ActionKind::kBackward:
    case ActionKind::kBackwardInput:
    case ActionKind::kSendBackward:
    case ActionKind::kReceiveForward:
      if (topology[action.stage].crosses_before) {
        wake(topology[action.stage - 1].rank);
      }
      break;
    case ActionKind::kReduceCopy:
      for (int stage = schedule.SliceOf(action.stage);
           stage < schedule.stages(); stage += schedule.stages_per_copy()) {
        wake(topology[stage].rank);
      }
      break;
    case ActionKind::kReduceTied:
      wake(topology[TiedStage(schedule, action.stage)].rank);
      break;
    default:
      break;
  }
}

// Whether an action of kind `done` can be what a rank waits for that stopped at
// `blocked`.
inline bool CanUnblock(ActionKind done, const Action& blocked) {
  const ActionKind kind = blocked.kind;
  switch (done) {
    case ActionKind::kForward:
    case ActionKind::kSendForward:
      return kind == ActionKind::kForward || IsReceive(kind);
    case ActionKind::kBackward:
    case ActionKind::kBackwardInput:
    case ActionKind::kSendBackward:
      return blocked.overlaps_next || kind == ActionKind::kBackward ||
             kind == ActionKind::kBackwardInput || IsReceive(kind);
    case ActionKind::kReceiveForward:
      return kind == ActionKind::kSendForward;
    case ActionKind::kReceiveBackward:
      return kind == ActionKind::kSendBackward;
    default:
      return true;
  }
}

// Which ranks may go on, in blocks of neighbours: those of one block go on, the
// last woken first, until none of them can, before the next block has its turn.
// Pipelines of thousands of ranks advance by a few actions per rank and turn:
// over all of them in turns, each turn would find the caches and the
// translation of addresses full of other ranks' memory.
class WakingRanks {
 public:
  // All ranks are awake, the first of a block first.
  explicit WakingRanks(int ranks)
      : awake_(static_cast<size_t>(ranks), true),
        blocks_(static_cast<size_t>((ranks + kBlock - 1) / kBlock)) {
    for (int rank = ranks - 1; rank >= 0; --rank) {
      blocks_[rank / kBlock].push_back(rank);
    }
    for (size_t block = 0; block < blocks_.size(); ++block) {
      turns_.push_back(static_cast<int>(block));
    }
  }

  bool IsAwake(int rank) const { return awake_[rank] != 0; }

  void Wake(int rank) {
    awake_[rank] = true;
    const int block = rank / kBlock;
    if (blocks_[block].empty() && block != turns_.front()) {
      turns_.push_back(block);
    }
    blocks_[block].push_back(rank);
  }

  // The next rank, which stays awake; -1 when all sleep.
  int Next() {
    while (!turns_.empty() && blocks_[turns_.front()].empty()) {
      turns_.pop_front();
    }
    if (turns_.empty()) return -1;
    std::vector<int>& block = blocks_[turns_.front()];
    const int rank = block.back();
    block.pop_back();
    return rank;
  }

  void Sleep(int rank) { awake_[rank] = false; }

 private:
  // Ranks whose programs and tables fit the second cache, in lines of a few
  // kinds, and whose pages fit its table of addresses.
  static constexpr int kBlock = 64;

  std::vector<char> awake_;
  std::vector<std::vector<int>> blocks_;
  std::deque<int> turns_;  // Blocks; the first has its turn.
};

// Executes all programs against each other as far as they go, each in order.
// `execute(rank, next)` executes the next action of `rank`, or the next two
// when `next->overlaps_next`, and returns how many it has executed: 0 when
// something that it waits for has not happened yet. It is asked again after
// that something may have happened. Returns the number of actions that each
// rank has executed.
template <typename Execute>
std::vector<size_t> Walk(const Schedule& schedule, const Topology& topology,
                         Execute execute) {
  std::vector<size_t> position(schedule.programs.size());
  std::vector<Action> blocked(schedule.programs.size());  // Where it stopped.
  WakingRanks ranks(schedule.ranks());
  for (int rank = ranks.Next(); rank >= 0; rank = ranks.Next()) {
    const std::vector<Action>& program = schedule.programs[rank];
    size_t next = position[rank];
    while (next < program.size()) {
      const size_t executed = execute(rank, &program[next]);
      if (executed == 0) break;
      for (size_t i = 0; i < executed; ++i, ++next) {
        WakeAfter(schedule, topology, program[next], [&](int other) {
          if (ranks.IsAwake(other) ||
              !CanUnblock(program[next].kind, blocked[other])) {
            return;
          }
          ranks.Wake(other);
        });
      }
    }
    position[rank] = next;
    if (next < program.size()) blocked[rank] = program[next];
    ranks.Sleep(rank);
  }
  return position;
}

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_WALK_H_
