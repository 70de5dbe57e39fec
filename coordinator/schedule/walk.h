#ifndef COORDINATOR_SCHEDULE_WALK_H_
#define COORDINATOR_SCHEDULE_WALK_H_

#include <cstddef>
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
  std::vector<char> queued(schedule.programs.size(), true);
  std::vector<Action> blocked(schedule.programs.size());  // Where it stopped.
  std::vector<int> queue;
  for (int rank = schedule.ranks() - 1; rank >= 0; --rank) {
    queue.push_back(rank);
  }
  // Thousands of programs are read in turns, a few actions each: without a hint
  // most of the time goes by waiting for memory.
  const auto prefetch = [&](int rank, size_t index) {
    const std::vector<Action>& program = schedule.programs[rank];
    if (index < program.size()) __builtin_prefetch(&program[index]);
  };
  constexpr size_t kLine = 64 / sizeof(Action);
  while (!queue.empty()) {
    const int rank = queue.back();
    queue.pop_back();
    const std::vector<Action>& program = schedule.programs[rank];
    size_t next = position[rank];
    while (next < program.size()) {
      const size_t executed = execute(rank, &program[next]);
      if (executed == 0) break;
      for (size_t i = 0; i < executed; ++i, ++next) {
        WakeAfter(schedule, topology, program[next], [&](int other) {
          if (queued[other] || !CanUnblock(program[next].kind, blocked[other]))
            return;
          queued[other] = true;
          queue.push_back(other);
          prefetch(other, position[other]);
        });
      }
    }
    position[rank] = next;
    if (next < program.size()) blocked[rank] = program[next];
    queued[rank] = false;
    prefetch(rank, next + kLine);
  }
  return position;
}

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_WALK_H_
