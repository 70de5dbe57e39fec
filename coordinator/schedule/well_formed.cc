#include "coordinator/schedule/well_formed.h"

#include <string_view>

#include "coordinator/schedule/walk.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Bounds what a schedule that was read from somewhere can make us allocate.
constexpr int64_t kStagesMax = 1 << 16;
constexpr int64_t kCellsMax = int64_t{1} << 28;  // Stages x micro-batches.

absl::Status Wrong(int rank, size_t index, const Action& action,
                   std::string_view why) {
  return absl::InvalidArgumentError(fmt::format(
      "rank {}, action {}, {}: {}", rank, index, ToString(action), why));
}

absl::Status CheckShape(const Schedule& schedule) {
  const int64_t stages = static_cast<int64_t>(schedule.rank_of_stage.size());
  if (stages < 1 || stages > kStagesMax || schedule.microbatches < 1 ||
      stages * schedule.microbatches > kCellsMax) {
    return absl::InvalidArgumentError(
        fmt::format("{} stages and {} micro-batches: a schedule has at least "
                    "one of each, at most {} stages, and at most {} pairs",
                    stages, schedule.microbatches, kStagesMax, kCellsMax));
  }
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    const int rank = schedule.rank_of_stage[stage];
    if (rank >= 0 && rank < schedule.ranks()) continue;
    return absl::InvalidArgumentError(
        fmt::format("stage {} is on rank {}, but there are {} ranks", stage,
                    rank, schedule.ranks()));
  }
  return absl::OkStatus();
}

class Checker {
 public:
  Checker(const Schedule& schedule, ScheduleForm form)
      : schedule_(schedule),
        lowered_(form == ScheduleForm::kLowered),
        seen_(schedule),
        backward_left_(schedule.rank_of_stage.size(), schedule.microbatches),
        reduced_(schedule.rank_of_stage.size()),
        tied_(schedule.rank_of_stage.size()) {}

  absl::Status Check() {
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      RETURN_IF_ERROR(CheckProgram(rank));
    }
    for (int stage = 0; stage < schedule_.stages(); ++stage) {
      RETURN_IF_ERROR(CheckComplete(stage));
    }
    return CheckReductions();
  }

 private:
  absl::Status CheckProgram(int rank) {
    const std::vector<Action>& program = schedule_.programs[rank];
    for (size_t i = 0; i < program.size(); ++i) {
      const std::string_view why = program[i].kind == ActionKind::kOptimizer
                                       ? CheckOptimizer(i + 1 == program.size())
                                       : CheckAction(rank, program[i]);
      if (!why.empty()) return Wrong(rank, i, program[i], why);
    }
    if (lowered_ &&
        (program.empty() || program.back().kind != ActionKind::kOptimizer)) {
      return absl::InvalidArgumentError(
          fmt::format("rank {} does not end with OPTIMIZER", rank));
    }
    return absl::OkStatus();
  }

  std::string_view CheckOptimizer(bool last) const {
    if (!lowered_) return "a compute-only schedule has only F, B, I and W";
    return last ? "" : "must be the last action";
  }

  // Why the action is wrong; empty when it is not.
  std::string_view CheckAction(int rank, const Action& action) {
    const int stage = action.stage;
    const ActionKind kind = action.kind;
    const int microbatch = action.microbatch;
    if (stage < 0 || stage >= schedule_.stages()) return "no such stage";
    if (schedule_.rank_of_stage[stage] != rank) {
      return "its stage is on another rank";
    }
    if (!lowered_ && !IsCompute(kind)) {
      return "a compute-only schedule has only F, B, I and W";
    }
    if (kind == ActionKind::kReduceGradient ||
        kind == ActionKind::kReduceTied) {
      return CheckReduction(action);
    }
    if (microbatch < 0 || microbatch >= schedule_.microbatches) {
      return "no such micro-batch";
    }
    if (seen_.Has(stage, kind, microbatch)) return "it is there twice";
    if (!IsCompute(kind) && !Travels(action)) {
      return "no tensor travels between ranks there";
    }
    const bool whole = seen_.Has(stage, ActionKind::kBackward, microbatch);
    const bool split = seen_.Has(stage, ActionKind::kBackwardInput, microbatch);
    if ((kind == ActionKind::kBackward && split) ||
        (kind == ActionKind::kBackwardInput && whole) ||
        (kind == ActionKind::kBackwardWeight && whole)) {
      return "there are B and I or W of the same micro-batch";
    }
    if (kind == ActionKind::kBackwardWeight && !split) {
      return "W must come after I";
    }
    if (kind == ActionKind::kBackward || kind == ActionKind::kBackwardWeight) {
      --backward_left_[stage];
    }
    seen_.Set(action);
    return "";
  }

  // Whether a SEND or RECV has a tensor to move.
  bool Travels(const Action& action) const {
    const bool below = action.kind == ActionKind::kReceiveForward ||
                       action.kind == ActionKind::kSendBackward;
    return CrossesRanks(schedule_, action.stage - (below ? 1 : 0));
  }

  std::string_view CheckReduction(const Action& action) {
    const int stage = action.stage;
    if (action.microbatch != -1) return "a reduction has no micro-batch";
    if (backward_left_[stage] != 0) {
      return "it must come after the last B or W of its stage";
    }
    if (action.kind == ActionKind::kReduceGradient) {
      if (tied_[stage]) return "it must come before REDUCE_TIED";
      if (reduced_[stage]) return "it is there twice";
      reduced_[stage] = true;
      return "";
    }
    if (stage != 0 && stage + 1 != schedule_.stages()) {
      return "only the first and the last stage are tied";
    }
    if (tied_[stage]) return "it is there twice";
    tied_[stage] = true;
    return "";
  }

  absl::Status CheckComplete(int stage) const {
    for (int j = 0; j < schedule_.microbatches; ++j) {
      for (const ActionKind kind :
           {ActionKind::kForward, ActionKind::kSendForward,
            ActionKind::kReceiveForward, ActionKind::kSendBackward,
            ActionKind::kReceiveBackward}) {
        const Action action{stage, kind, j};
        const bool needed =
            kind == ActionKind::kForward || (lowered_ && Travels(action));
        if (needed && !seen_.Has(stage, kind, j)) return Missing(action);
      }
      if (seen_.Has(stage, ActionKind::kBackward, j)) continue;
      const bool split = seen_.Has(stage, ActionKind::kBackwardInput, j);
      if (!split) return Missing({stage, ActionKind::kBackward, j});
      if (!seen_.Has(stage, ActionKind::kBackwardWeight, j)) {
        return Missing({stage, ActionKind::kBackwardWeight, j});
      }
    }
    return absl::OkStatus();
  }

  absl::Status Missing(const Action& action) const {
    return absl::InvalidArgumentError(
        fmt::format("rank {} lacks {}", schedule_.rank_of_stage[action.stage],
                    ToString(action)));
  }

  absl::Status CheckReductions() const {
    const int last = schedule_.stages() - 1;
    if (tied_[0] != tied_[last]) {
      return Missing({tied_[0] ? last : 0, ActionKind::kReduceTied, -1});
    }
    for (int stage = 1; stage <= last; ++stage) {
      if (reduced_[stage] != reduced_[0]) {
        return Missing(
            {reduced_[0] ? stage : 0, ActionKind::kReduceGradient, -1});
      }
    }
    return absl::OkStatus();
  }

  const Schedule& schedule_;
  const bool lowered_;
  ActionTable seen_;
  std::vector<int> backward_left_;  // Per stage.
  std::vector<bool> reduced_;       // Per stage: REDUCE_GRAD came.
  std::vector<bool> tied_;          // Per stage: REDUCE_TIED came.
};

}  // namespace

absl::Status CheckWellFormed(const Schedule& schedule, ScheduleForm form) {
  RETURN_IF_ERROR(CheckShape(schedule));
  return Checker(schedule, form).Check();
}

}  // namespace penstock
