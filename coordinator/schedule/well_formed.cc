#include "coordinator/schedule/well_formed.h"

#include <array>
#include <limits>
#include <string_view>

#include "coordinator/schedule/action_table.h"
#include "coordinator/schedule/topology.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Bounds what a schedule that was read from somewhere can make us allocate.
constexpr int64_t kStagesMax = 1 << 16;
constexpr int64_t kCellsMax = int64_t{1} << 28;  // Stage, micro-batch, piece.
constexpr int kPiecesMax = std::numeric_limits<int8_t>::max();

constexpr std::string_view kComputeOnly =
    "a compute-only schedule has only F, B, I, W, R and UPDATE";

absl::Status Wrong(int rank, size_t index, const Action& action,
                   std::string_view why) {
  return absl::InvalidArgumentError(fmt::format(
      "rank {}, action {}, {}: {}", rank, index, ToString(action), why));
}

absl::Status CheckShape(const Schedule& schedule) {
  const int64_t stages = static_cast<int64_t>(schedule.rank_of_stage.size());
  const int64_t microbatches = schedule.microbatches;
  if (stages < 1 || stages > kStagesMax || microbatches < 1 ||
      stages * microbatches > kCellsMax) {
    return absl::InvalidArgumentError(
        fmt::format("{} stages and {} micro-batches: a schedule has at least "
                    "one of each, at most {} stages, and at most {} pairs",
                    stages, microbatches, kStagesMax, kCellsMax));
  }
  if (schedule.copies < 1 || stages % schedule.copies != 0 ||
      microbatches % schedule.copies != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} copies of the model: must divide the {} stages and the "
                    "{} micro-batches",
                    schedule.copies, stages, microbatches));
  }
  if (schedule.pieces < 1 || schedule.pieces > kPiecesMax ||
      stages * microbatches * schedule.pieces > kCellsMax) {
    return absl::InvalidArgumentError(
        fmt::format("{} pieces per micro-batch: must be 1 to {}, and at most "
                    "{} over all stages and micro-batches",
                    schedule.pieces, kPiecesMax, kCellsMax));
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

bool IsVersioned(const Schedule& schedule) {
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (IsCompute(action.kind)) return action.version >= 0;
    }
  }
  return false;
}

// What has been seen of one stage.
struct StageCount {
  // Per kind that belongs to a micro-batch.
  std::array<size_t, static_cast<size_t>(ActionKind::kReceiveBackward) + 1>
      of_kind{};
  int newest_version = 0;
  bool reduced = false;      // REDUCE_GRAD came.
  bool copied = false;       // REDUCE_COPY came.
  bool tied = false;         // REDUCE_TIED came.
  bool gathered = false;     // UNSHARD came, and no RESHARD after it.
  bool freed = false;        // RESHARD came, and no UNSHARD after it.
  bool has_updates = false;  // B or W came since the last UPDATE.

  size_t operator[](ActionKind kind) const {
    return of_kind[static_cast<size_t>(kind)];
  }
};

class Checker {
 public:
  Checker(const Schedule& schedule, ScheduleForm form)
      : schedule_(schedule),
        topology_(schedule),
        lowered_(form == ScheduleForm::kLowered),
        versioned_(IsVersioned(schedule)),
        seen_(topology_.cells()),
        forward_version_(versioned_ ? topology_.cells() : 0),
        stages_(schedule.rank_of_stage.size()) {}

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
      std::string_view why = program[i].kind == ActionKind::kOptimizer
                                 ? CheckOptimizer(i + 1 == program.size())
                                 : CheckAction(rank, program[i]);
      if (why.empty() && program[i].overlaps_next &&
          (program[i].kind != ActionKind::kForward || i + 1 == program.size() ||
           program[i + 1].kind != ActionKind::kBackward)) {
        why = "only an F can overlap what follows, which must be a B";
      }
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
    if (!lowered_) return kComputeOnly;
    return last ? "" : "must be the last action";
  }

  // Why the action is wrong; empty when it is not.
  std::string_view CheckAction(int rank, const Action& action) {
    const int stage = action.stage;
    if (stage < 0 || stage >= schedule_.stages()) return "no such stage";
    if (topology_[stage].rank != rank) return "its stage is on another rank";
    if (!lowered_ && !IsCompute(action.kind) &&
        action.kind != ActionKind::kUpdate) {
      return kComputeOnly;
    }
    if (action.kind > ActionKind::kReceiveBackward) return CheckOnce(action);
    if (!topology_.HasMicrobatch(action)) {
      return action.microbatch < 0 ||
                     action.microbatch >= schedule_.microbatches
                 ? "no such micro-batch"
                 : "its micro-batch runs through another copy";
    }
    if (!topology_.HasPiece(action)) return "no such piece";
    const size_t cell = topology_.Cell(action);
    if (seen_.Has(cell, action.kind)) return "it is there twice";
    const std::string_view why = IsCompute(action.kind)
                                     ? CheckCompute(action, cell)
                                     : CheckTransfer(action);
    seen_.Set(cell, action.kind);
    ++stages_[stage].of_kind[static_cast<size_t>(action.kind)];
    return why;
  }

  std::string_view CheckTransfer(const Action& action) const {
    return Travels(action) ? "" : "no tensor travels between ranks there";
  }

  std::string_view CheckCompute(const Action& action, size_t cell) {
    const ActionKind kind = action.kind;
    StageCount& stage = stages_[action.stage];
    if (stage.freed) return "its stage's weights are not gathered";
    const bool whole = seen_.Has(cell, ActionKind::kBackward);
    const bool split = seen_.Has(cell, ActionKind::kBackwardInput);
    if ((kind == ActionKind::kBackward && split) ||
        (kind == ActionKind::kBackwardInput && whole) ||
        (kind == ActionKind::kBackwardWeight && whole)) {
      return "there are B and I or W of the same micro-batch";
    }
    if (kind == ActionKind::kBackwardWeight && !split) {
      return "W must come after I";
    }
    if (kind == ActionKind::kRecompute && (whole || split)) {
      return "R must come before B and I";
    }
    if (kind == ActionKind::kBackward || kind == ActionKind::kBackwardWeight) {
      stage.has_updates = true;
    }
    return CheckVersion(action, cell);
  }

  std::string_view CheckVersion(const Action& action, size_t cell) {
    if ((action.version >= 0) != versioned_) {
      return "either every F, B, I, W and R names a version or none does";
    }
    if (!versioned_) return "";
    if (action.version > stages_[action.stage].newest_version) {
      return "its weight version has not been made yet";
    }
    if (action.kind == ActionKind::kForward) {
      forward_version_[cell] = action.version;
    } else if (seen_.Has(cell, ActionKind::kForward) &&
               action.version != forward_version_[cell]) {
      return "it must use the weight version of its F";
    }
    return "";
  }

  // What is there once per stage, or once per version of it.
  std::string_view CheckOnce(const Action& action) {
    StageCount& stage = stages_[action.stage];
    if (action.kind == ActionKind::kUpdate) return CheckUpdate(action, stage);
    if (action.microbatch != -1) return "it has no micro-batch";
    if (action.kind == ActionKind::kUnshard ||
        action.kind == ActionKind::kReshard) {
      return CheckShards(action.kind, stage);
    }
    if (BackwardLeft(stage)) {
      return "it must come after the last B or W of its stage";
    }
    switch (action.kind) {
      case ActionKind::kReduceGradient:
        if (stage.tied) return "it must come before REDUCE_TIED";
        if (stage.copied) return "it must come before REDUCE_COPY";
        return Once(stage.reduced);
      case ActionKind::kReduceCopy:
        if (schedule_.copies == 1) return "the model has no other copy";
        if (stage.tied) return "it must come before REDUCE_TIED";
        return Once(stage.copied);
      default:
        if (topology_[action.stage].has_before &&
            topology_[action.stage].has_after) {
          return "only the first and the last stage are tied";
        }
        return Once(stage.tied);
    }
  }

  static std::string_view Once(bool& seen) {
    if (seen) return "it is there twice";
    seen = true;
    return "";
  }

  static std::string_view CheckShards(ActionKind kind, StageCount& stage) {
    const bool gather = kind == ActionKind::kUnshard;
    if (gather == stage.gathered) {
      return gather ? "its stage's weights are gathered already"
                    : "its stage's weights are not gathered";
    }
    stage.gathered = gather;
    stage.freed = !gather;
    return "";
  }

  std::string_view CheckUpdate(const Action& action, StageCount& stage) const {
    if (!versioned_) return "nothing names the weight version that it makes";
    if (action.microbatch != stage.newest_version + 1) {
      return "the updates of a stage count from 1, without gaps";
    }
    if (!stage.has_updates) return "there is no B or W since the one before";
    stage.has_updates = false;
    stage.newest_version = action.microbatch;
    return "";
  }

  bool BackwardLeft(const StageCount& stage) const {
    return stage[ActionKind::kBackward] + stage[ActionKind::kBackwardWeight] !=
           topology_.cells_per_stage();
  }

  // Whether a SEND or RECV has a tensor to move.
  bool Travels(const Action& action) const {
    const bool before = action.kind == ActionKind::kReceiveForward ||
                        action.kind == ActionKind::kSendBackward;
    return before ? topology_[action.stage].crosses_before
                  : topology_[action.stage].crosses_after;
  }

  // Nothing is there twice, so that the counts tell whether all is there.
  absl::Status CheckComplete(int stage) const {
    const size_t cells = topology_.cells_per_stage();
    const StageCount& count = stages_[stage];
    const auto needed = [&](ActionKind kind) {
      return kind == ActionKind::kForward ||
             (lowered_ && Travels({.stage = stage, .kind = kind}));
    };
    for (const ActionKind kind :
         {ActionKind::kForward, ActionKind::kSendForward,
          ActionKind::kReceiveForward, ActionKind::kSendBackward,
          ActionKind::kReceiveBackward}) {
      if (needed(kind) && count[kind] != cells) {
        return Missing(stage, [&](size_t cell) {
          return seen_.Has(cell, kind) ? ActionKind::kOptimizer : kind;
        });
      }
    }
    if (!BackwardLeft(count)) return absl::OkStatus();
    return Missing(stage, [&](size_t cell) {
      if (seen_.Has(cell, ActionKind::kBackward) ||
          seen_.Has(cell, ActionKind::kBackwardWeight)) {
        return ActionKind::kOptimizer;
      }
      return seen_.Has(cell, ActionKind::kBackwardInput)
                 ? ActionKind::kBackwardWeight
                 : ActionKind::kBackward;
    });
  }

  // Names the first cell of `stage` for which `lacks` gives a kind other than
  // OPTIMIZER. Requires that there is one.
  template <typename Lacks>
  absl::Status Missing(int stage, const Lacks& lacks) const {
    for (int j = 0; j < schedule_.microbatches_per_copy(); ++j) {
      for (int piece = 0; piece < schedule_.pieces; ++piece) {
        Action action{.stage = stage,
                      .microbatch = schedule_.FirstMicrobatch(stage) + j};
        if (schedule_.pieces > 1) action.piece = static_cast<int8_t>(piece);
        action.kind = lacks(topology_.Cell(action));
        if (action.kind != ActionKind::kOptimizer) return Missing(action);
      }
    }
    return absl::InternalError(fmt::format("stage {} lacks nothing", stage));
  }

  absl::Status Missing(const Action& action) const {
    return absl::InvalidArgumentError(fmt::format(
        "rank {} lacks {}", topology_[action.stage].rank, ToString(action)));
  }

  absl::Status CheckReductions() const {
    const int last = schedule_.stages() - 1;
    const StageCount& first = stages_[0];
    for (int stage = 0; stage <= last; ++stage) {
      const StageCount& count = stages_[stage];
      if (count.reduced != first.reduced) {
        return Missing(
            {first.reduced ? stage : 0, ActionKind::kReduceGradient, -1});
      }
      if (lowered_ && schedule_.copies > 1 && !count.copied) {
        return Missing({stage, ActionKind::kReduceCopy, -1});
      }
      const StageLinks& links = topology_[stage];
      if (links.has_before && links.has_after) continue;
      if (count.tied != first.tied) {
        return Missing({first.tied ? stage : 0, ActionKind::kReduceTied, -1});
      }
    }
    return absl::OkStatus();
  }

  const Schedule& schedule_;
  const Topology topology_;
  const bool lowered_;
  const bool versioned_;
  ActionTable seen_;
  std::vector<int16_t> forward_version_;  // Per cell, when versioned.
  std::vector<StageCount> stages_;
};

}  // namespace

absl::Status CheckWellFormed(const Schedule& schedule, ScheduleForm form) {
  RETURN_IF_ERROR(CheckShape(schedule));
  return Checker(schedule, form).Check();
}

}  // namespace penstock
