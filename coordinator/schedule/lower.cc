#include "coordinator/schedule/lower.h"

#include "coordinator/schedule/verify.h"
#include "coordinator/schedule/walk.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Walks the compute-only programs in rounds and writes the lowered ones.
class Lowering {
 public:
  Lowering(const Schedule& schedule, const LowerOptions& options)
      : schedule_(schedule),
        options_(options),
        done_(schedule),
        position_(schedule.programs.size()),
        candidate_(schedule.programs.size(), false),
        backward_left_(schedule.rank_of_stage.size(), schedule.microbatches),
        lowered_{.microbatches = schedule.microbatches,
                 .rank_of_stage = schedule.rank_of_stage} {
    lowered_.programs.resize(schedule.programs.size());
    for (int rank = 0; rank < schedule.ranks(); ++rank) {
      lowered_.programs[rank].reserve(3 * schedule.programs[rank].size() + 3);
      AddCandidate(rank);
    }
  }

  Schedule Run() {
    while (!candidates_.empty()) Round();
    Finish();
    return std::move(lowered_);
  }

 private:
  std::vector<Action>& ProgramOf(int stage) {
    return lowered_.programs[schedule_.rank_of_stage[stage]];
  }

  void AddCandidate(int rank) {
    if (candidate_[rank] || position_[rank] == schedule_.programs[rank].size())
      return;
    candidate_[rank] = true;
    candidates_.push_back(rank);
  }

  // Whether all that `action` needs was made in the rounds before.
  bool IsReady(const Action& action) const {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    if (kind == ActionKind::kForward) {
      return stage == 0 || done_.Has(stage - 1, kind, microbatch);
    }
    return kind == ActionKind::kBackwardWeight ||
           stage + 1 == schedule_.stages() ||
           done_.HasBackward(stage + 1, microbatch);
  }

  void Round() {
    std::vector<Action> actions;
    for (const int rank : std::exchange(candidates_, {})) {
      candidate_[rank] = false;
      const Action& action = schedule_.programs[rank][position_[rank]];
      if (IsReady(action)) actions.push_back(action);
    }
    for (const Action& action : actions) PostReceive(action);
    for (const Action& action : actions) Execute(action);
    for (const Action& action : actions) WakeAfter(action);
  }

  // Posts the buffer for what `action` makes, before the owner of the buffer
  // executes its own action of this round.
  void PostReceive(const Action& action) {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    if (kind == ActionKind::kForward && CrossesRanks(schedule_, stage)) {
      ProgramOf(stage + 1).push_back(
          {stage + 1, ActionKind::kReceiveForward, microbatch});
    } else if ((kind == ActionKind::kBackward ||
                kind == ActionKind::kBackwardInput) &&
               CrossesRanks(schedule_, stage - 1)) {
      ProgramOf(stage - 1).push_back(
          {stage - 1, ActionKind::kReceiveBackward, microbatch});
    }
  }

  void Execute(const Action& action) {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    std::vector<Action>& program = ProgramOf(stage);
    program.push_back(action);
    ++position_[schedule_.rank_of_stage[stage]];
    done_.Set(action);
    if (kind == ActionKind::kForward && CrossesRanks(schedule_, stage)) {
      program.push_back({stage, ActionKind::kSendForward, microbatch});
    }
    if ((kind == ActionKind::kBackward || kind == ActionKind::kBackwardInput) &&
        CrossesRanks(schedule_, stage - 1)) {
      program.push_back({stage, ActionKind::kSendBackward, microbatch});
    }
    if ((kind == ActionKind::kBackward ||
         kind == ActionKind::kBackwardWeight) &&
        --backward_left_[stage] == 0 && options_.reduce_gradients) {
      program.push_back({stage, ActionKind::kReduceGradient, -1});
    }
  }

  void WakeAfter(const Action& action) {
    const int stage = action.stage;
    const int rank = schedule_.rank_of_stage[stage];
    AddCandidate(rank);
    if (stage > 0) AddCandidate(schedule_.rank_of_stage[stage - 1]);
    if (stage + 1 < schedule_.stages()) {
      AddCandidate(schedule_.rank_of_stage[stage + 1]);
    }
  }

  void Finish() {
    const int last = schedule_.stages() - 1;
    if (options_.reduce_tied) {
      ProgramOf(0).push_back({0, ActionKind::kReduceTied, -1});
      if (last > 0) {
        ProgramOf(last).push_back({last, ActionKind::kReduceTied, -1});
      }
    }
    for (std::vector<Action>& program : lowered_.programs) {
      program.push_back({-1, ActionKind::kOptimizer, -1});
    }
  }

  const Schedule& schedule_;
  const LowerOptions options_;
  ActionTable done_;
  std::vector<size_t> position_;    // Per rank, in the compute-only program.
  std::vector<bool> candidate_;     // Per rank: in `candidates_`.
  std::vector<int> candidates_;     // Ranks to try in the next round.
  std::vector<int> backward_left_;  // Per stage.
  Schedule lowered_;
};

}  // namespace

absl::StatusOr<Schedule> Lower(const Schedule& schedule,
                               const LowerOptions& options) {
  RETURN_IF_ERROR(VerifyCompute(schedule));
  return Lowering(schedule, options).Run();
}

}  // namespace penstock
