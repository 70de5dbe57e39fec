#include "coordinator/schedule/verify.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "coordinator/schedule/count_buffers.h"
#include "coordinator/schedule/walk.h"
#include "coordinator/schedule/well_formed.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Executes programs with blocking sends and one credit per directed edge, or
// compute-only ones with their transfers implied.
class Execution {
 public:
  Execution(const Schedule& schedule, ScheduleForm form)
      : schedule_(schedule), form_(form), done_(schedule) {
    std::map<std::pair<int, int>, int> edges;
    const auto edge = [&](int from_stage, int to_stage) {
      const std::pair<int, int> ranks(schedule.rank_of_stage[from_stage],
                                      schedule.rank_of_stage[to_stage]);
      return edges.try_emplace(ranks, static_cast<int>(edges.size()))
          .first->second;
    };
    for (int stage = 0; stage + 1 < schedule.stages(); ++stage) {
      forward_edge_.push_back(edge(stage, stage + 1));
      backward_edge_.push_back(edge(stage + 1, stage));
    }
    empty_post_.resize(edges.size());
  }

  // Runs all programs to their end, or describes who waits for whom.
  absl::Status Run() {
    const std::vector<size_t> position =
        Walk(schedule_, [this](int, const Action& action) {
          if (Blocker(action).has_value()) return false;
          Execute(action);
          return true;
        });
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      if (position[rank] < schedule_.programs[rank].size()) {
        return Deadlock(position);
      }
    }
    return absl::OkStatus();
  }

 private:
  // The action that must come first, if it has not; it is somewhere in the
  // programs, because they are well-formed.
  std::optional<Action> Blocker(const Action& action) const {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    switch (kind) {
      case ActionKind::kForward:
        if (stage == 0) return std::nullopt;
        return InputBlocker(stage - 1, stage, microbatch, true);
      case ActionKind::kBackward:
      case ActionKind::kBackwardInput:
        if (!done_.Has(stage, ActionKind::kForward, microbatch)) {
          return Action{stage, ActionKind::kForward, microbatch};
        }
        if (stage + 1 == schedule_.stages()) return std::nullopt;
        return InputBlocker(stage + 1, stage, microbatch, false);
      case ActionKind::kBackwardWeight:
        return Unless(stage, ActionKind::kBackwardInput, microbatch);
      case ActionKind::kSendForward:
        if (!done_.Has(stage, ActionKind::kForward, microbatch)) {
          return Action{stage, ActionKind::kForward, microbatch};
        }
        return Unless(stage + 1, ActionKind::kReceiveForward, microbatch);
      case ActionKind::kSendBackward:
        if (!done_.HasBackward(stage, microbatch)) {
          return Action{stage, ActionKind::kBackward, microbatch};
        }
        return Unless(stage - 1, ActionKind::kReceiveBackward, microbatch);
      case ActionKind::kReceiveForward:
        return empty_post_[forward_edge_[stage - 1]];
      case ActionKind::kReceiveBackward:
        return empty_post_[backward_edge_[stage]];
      default:
        return std::nullopt;
    }
  }

  std::optional<Action> Unless(int stage, ActionKind kind,
                               int microbatch) const {
    if (done_.Has(stage, kind, microbatch)) return std::nullopt;
    return Action{stage, kind, microbatch};
  }

  // What the programs have for `blocker`, which says B for I, too.
  Action Spelled(const Action& blocker) const {
    const std::vector<Action>& program =
        schedule_.programs[schedule_.rank_of_stage[blocker.stage]];
    if (std::find(program.begin(), program.end(), blocker) != program.end()) {
      return blocker;
    }
    return {blocker.stage, ActionKind::kBackwardInput, blocker.microbatch};
  }

  // What the input of `stage` that stage `from` makes still waits for.
  std::optional<Action> InputBlocker(int from, int stage, int microbatch,
                                     bool forward) const {
    if (form_ == ScheduleForm::kComputeOnly ||
        !CrossesRanks(schedule_, std::min(from, stage))) {
      if (forward) return Unless(from, ActionKind::kForward, microbatch);
      if (done_.HasBackward(from, microbatch)) return std::nullopt;
      return Action{from, ActionKind::kBackward, microbatch};
    }
    const std::optional<Action> post = Unless(
        stage,
        forward ? ActionKind::kReceiveForward : ActionKind::kReceiveBackward,
        microbatch);
    if (post.has_value()) return post;
    return Unless(
        from, forward ? ActionKind::kSendForward : ActionKind::kSendBackward,
        microbatch);
  }

  void Execute(const Action& action) {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    if (microbatch >= 0) done_.Set(action);
    if (kind == ActionKind::kReceiveForward) {
      empty_post_[forward_edge_[stage - 1]] =
          Action{stage - 1, ActionKind::kSendForward, microbatch};
    } else if (kind == ActionKind::kReceiveBackward) {
      empty_post_[backward_edge_[stage]] =
          Action{stage + 1, ActionKind::kSendBackward, microbatch};
    } else if (kind == ActionKind::kSendForward) {
      empty_post_[forward_edge_[stage]].reset();
    } else if (kind == ActionKind::kSendBackward) {
      empty_post_[backward_edge_[stage - 1]].reset();
    }
  }

  // Each blocked rank waits for exactly one other (or itself), so the waits
  // form cycles with tails; the shortest cycle says it best.
  absl::Status Deadlock(const std::vector<size_t>& position) const {
    std::vector<int> waits_for(position.size(), -1);
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      const std::vector<Action>& program = schedule_.programs[rank];
      if (position[rank] == program.size()) continue;
      const Action first = *Blocker(program[position[rank]]);
      waits_for[rank] = schedule_.rank_of_stage[first.stage];
    }
    std::string text = "the schedule never ends: ";
    for (const int rank : ShortestCycle(waits_for)) {
      const Action& action = schedule_.programs[rank][position[rank]];
      text += fmt::format("rank {} at {} (action {}) waits for {} of rank {}; ",
                          rank, ToString(action), position[rank],
                          ToString(Spelled(*Blocker(action))), waits_for[rank]);
    }
    text.resize(text.size() - 2);
    return absl::InvalidArgumentError(text);
  }

  static std::vector<int> ShortestCycle(const std::vector<int>& next) {
    std::vector<int> shortest;
    std::vector<int> visit(next.size(), -1);  // The walk that came by.
    for (int start = 0; start < static_cast<int>(next.size()); ++start) {
      int rank = start;
      while (next[rank] >= 0 && visit[rank] < 0) {
        visit[rank] = start;
        rank = next[rank];
      }
      if (next[rank] < 0 || visit[rank] != start) continue;
      std::vector<int> cycle = {rank};
      for (int member = next[rank]; member != rank; member = next[member]) {
        cycle.push_back(member);
      }
      if (shortest.empty() || cycle.size() < shortest.size()) {
        shortest = std::move(cycle);
      }
    }
    return shortest;
  }

  const Schedule& schedule_;
  const ScheduleForm form_;
  ActionTable done_;
  std::vector<int> forward_edge_;   // Index: the stage that sends.
  std::vector<int> backward_edge_;  // Index: the stage that receives.
  // Per edge: the send that fills the posted buffer, while it is empty.
  std::vector<std::optional<Action>> empty_post_;
};

}  // namespace

absl::Status VerifyCompute(const Schedule& schedule) {
  RETURN_IF_ERROR(CheckWellFormed(schedule, ScheduleForm::kComputeOnly));
  return Execution(schedule, ScheduleForm::kComputeOnly).Run();
}

absl::StatusOr<std::vector<std::vector<StageBuffers>>> VerifyLowered(
    const Schedule& schedule) {
  RETURN_IF_ERROR(CheckWellFormed(schedule, ScheduleForm::kLowered));
  RETURN_IF_ERROR(Execution(schedule, ScheduleForm::kLowered).Run());
  std::vector<std::vector<StageBuffers>> buffers;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    buffers.push_back(CountBuffers(schedule, rank));
  }
  return buffers;
}

}  // namespace penstock
