#include "coordinator/schedule/verify.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "coordinator/schedule/count_buffers.h"
#include "coordinator/schedule/dependencies.h"
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
      : schedule_(schedule),
        topology_(schedule),
        lowered_(form == ScheduleForm::kLowered),
        done_(topology_.cells()),
        at_reduction_(schedule.rank_of_stage.size(), ActionKind::kForward) {
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
        Walk(schedule_, topology_, [this](int, const Action* next) -> size_t {
          ArriveAtReduction(*next);
          if (BlockerOfNext(next).has_value()) return 0;
          Execute(next[0]);
          if (!next->overlaps_next) return 1;
          Execute(next[1]);
          return 2;
        });
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      if (position[rank] < schedule_.programs[rank].size()) {
        return Deadlock(position);
      }
    }
    return absl::OkStatus();
  }

 private:
  // Both halves of a compound action begin together.
  std::optional<Action> BlockerOfNext(const Action* next) const {
    std::optional<Action> blocker = Blocker(next[0]);
    if (!blocker.has_value() && next->overlaps_next) blocker = Blocker(next[1]);
    return blocker;
  }

  // The action that must come first, if it has not; it is somewhere in the
  // programs, because they are well-formed. Says B for I, too.
  std::optional<Action> Blocker(const Action& action) const {
    const int stage = action.stage;
    switch (action.kind) {
      case ActionKind::kReceiveForward:
        return empty_post_[forward_edge_[stage - 1]];
      case ActionKind::kReceiveBackward:
        return empty_post_[backward_edge_[stage]];
      case ActionKind::kReduceCopy:
        return CopyBlocker(action);
      case ActionKind::kReduceTied:
        return PartnerBlocker(action, TiedStage(schedule_, stage));
      case ActionKind::kReduceGradient:
      case ActionKind::kUpdate:
      case ActionKind::kUnshard:
      case ActionKind::kReshard:
      case ActionKind::kOptimizer:
        return std::nullopt;
      default:
        break;
    }
    std::optional<Action> blocker = LocalBlocker(topology_, done_, action);
    if (blocker.has_value()) return blocker;
    if (action.kind == ActionKind::kSendForward) {
      return Unless(action, stage + 1, ActionKind::kReceiveForward);
    }
    if (action.kind == ActionKind::kSendBackward) {
      return Unless(action, stage - 1, ActionKind::kReceiveBackward);
    }
    return InputBlocker(action);
  }

  // What the tensor from the neighbouring stage still waits for.
  std::optional<Action> InputBlocker(const Action& action) const {
    const StageLinks& links = topology_[action.stage];
    const InputFrom from = InputOf(links, action.kind);
    if (from == InputFrom::kNowhere) return std::nullopt;
    const bool before = from == InputFrom::kBefore;
    const int maker = action.stage + (before ? -1 : 1);
    if (!lowered_ || !(before ? links.crosses_before : links.crosses_after)) {
      if (HasInput(topology_, done_, action)) return std::nullopt;
      return Of(action, maker,
                before ? ActionKind::kForward : ActionKind::kBackward);
    }
    std::optional<Action> blocker = Unless(
        action, action.stage,
        before ? ActionKind::kReceiveForward : ActionKind::kReceiveBackward);
    if (blocker.has_value()) return blocker;
    return Unless(
        action, maker,
        before ? ActionKind::kSendForward : ActionKind::kSendBackward);
  }

  // That `kind` of the same micro-batch and piece on `stage`.
  static Action Of(const Action& action, int stage, ActionKind kind) {
    return {.stage = stage,
            .kind = kind,
            .microbatch = action.microbatch,
            .piece = action.piece};
  }

  std::optional<Action> Unless(const Action& action, int stage,
                               ActionKind kind) const {
    const Action other = Of(action, stage, kind);
    if (done_.Has(topology_.Cell(other), kind)) return std::nullopt;
    return other;
  }

  void ArriveAtReduction(const Action& action) {
    if (action.kind == ActionKind::kReduceCopy ||
        action.kind == ActionKind::kReduceTied) {
      at_reduction_[action.stage] = action.kind;
    }
  }

  std::optional<Action> CopyBlocker(const Action& action) const {
    for (int stage = schedule_.SliceOf(action.stage);
         stage < schedule_.stages(); stage += schedule_.stages_per_copy()) {
      const std::optional<Action> blocker = PartnerBlocker(action, stage);
      if (blocker.has_value()) return blocker;
    }
    return std::nullopt;
  }

  // A reduction between ranks is executed when all of them have come to it. A
  // stage's REDUCE_TIED follows its REDUCE_COPY.
  std::optional<Action> PartnerBlocker(const Action& action, int stage) const {
    if (topology_[stage].rank == topology_[action.stage].rank ||
        at_reduction_[stage] == action.kind ||
        at_reduction_[stage] == ActionKind::kReduceTied) {
      return std::nullopt;
    }
    return Action{stage, action.kind, -1};
  }

  void Execute(const Action& action) {
    const int stage = action.stage;
    switch (action.kind) {
      case ActionKind::kReceiveForward:
        empty_post_[forward_edge_[stage - 1]] =
            Of(action, stage - 1, ActionKind::kSendForward);
        break;
      case ActionKind::kReceiveBackward:
        empty_post_[backward_edge_[stage]] =
            Of(action, stage + 1, ActionKind::kSendBackward);
        break;
      case ActionKind::kSendForward:
        empty_post_[forward_edge_[stage]].reset();
        break;
      case ActionKind::kSendBackward:
        empty_post_[backward_edge_[stage - 1]].reset();
        break;
      default:
        break;
    }
    if (action.kind <= ActionKind::kReceiveBackward) {
      done_.Set(topology_.Cell(action), action.kind);
    }
  }

  // What the programs have for `blocker`, which says B for I, too.
  Action Spelled(const Action& blocker) const {
    const std::vector<Action>& program =
        schedule_.programs[topology_[blocker.stage].rank];
    const auto is = [](const Action& a, const Action& b) {
      return a.stage == b.stage && a.kind == b.kind &&
             a.microbatch == b.microbatch && a.piece == b.piece;
    };
    const auto found =
        std::find_if(program.begin(), program.end(),
                     [&](const Action& a) { return is(a, blocker); });
    if (found != program.end()) return blocker;
    return Of(blocker, blocker.stage, ActionKind::kBackwardInput);
  }

  // Each blocked rank waits for exactly one other (or itself), so the waits
  // form cycles with tails; the shortest cycle says it best.
  absl::Status Deadlock(const std::vector<size_t>& position) const {
    std::vector<int> waits_for(position.size(), -1);
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      const std::vector<Action>& program = schedule_.programs[rank];
      if (position[rank] == program.size()) continue;
      const Action first = *BlockerOfNext(&program[position[rank]]);
      waits_for[rank] = topology_[first.stage].rank;
    }
    std::string text = "the schedule never ends: ";
    for (const int rank : ShortestCycle(waits_for)) {
      const Action* next = &schedule_.programs[rank][position[rank]];
      text +=
          fmt::format("rank {} at {} (action {}) waits for {} of rank {}; ",
                      rank, ToString(*next), position[rank],
                      ToString(Spelled(*BlockerOfNext(next))), waits_for[rank]);
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
  const Topology topology_;
  const bool lowered_;
  ActionTable done_;
  // Per stage: the last reduction between ranks that its rank has come to; F
  // for none.
  std::vector<ActionKind> at_reduction_;
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
  return CountBuffers(schedule);
}

}  // namespace penstock
