#include "coordinator/schedule/lower.h"

#include <utility>

#include "coordinator/schedule/dependencies.h"
#include "coordinator/schedule/verify.h"
#include "coordinator/schedule/walk.h"
#include "coordinator/schedule/well_formed.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

bool HasUpdate(const Schedule& schedule) {
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (action.kind == ActionKind::kUpdate) return true;
    }
  }
  return false;
}

// What one rank does in one round: an action, or the two of a compound one.
struct Move {
  const Action* first = nullptr;

  int count() const { return first->overlaps_next ? 2 : 1; }
};

// Walks the compute-only programs in rounds and writes the lowered ones.
class Lowering {
 public:
  Lowering(const Schedule& schedule, const LowerOptions& options)
      : schedule_(schedule),
        options_(options),
        topology_(schedule),
        done_(topology_.cells()),
        position_(schedule.programs.size()),
        candidate_(schedule.programs.size(), false),
        backward_left_(schedule.rank_of_stage.size(),
                       topology_.cells_per_stage()),
        copies_left_(schedule.stages_per_copy(), schedule.copies),
        lowered_{.microbatches = schedule.microbatches,
                 .rank_of_stage = schedule.rank_of_stage,
                 .copies = schedule.copies,
                 .pieces = schedule.pieces} {
    lowered_.programs.resize(schedule.programs.size());
    for (int rank = 0; rank < schedule.ranks(); ++rank) {
      lowered_.programs[rank].reserve(3 * schedule.programs[rank].size() + 3);
      AddCandidate(rank);
    }
  }

  // Returns false when some rank does not come to its end.
  bool Run() {
    while (!candidates_.empty()) Round();
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      if (position_[rank] < schedule_.programs[rank].size()) return false;
    }
    Finish();
    return true;
  }

  Schedule TakeLowered() { return std::move(lowered_); }

 private:
  std::vector<Action>& ProgramOf(int stage) {
    return lowered_.programs[topology_[stage].rank];
  }

  void AddCandidate(int rank) {
    if (candidate_[rank] || position_[rank] == schedule_.programs[rank].size())
      return;
    candidate_[rank] = true;
    candidates_.push_back(rank);
  }

  // Whether all that the move needs was made in the rounds before.
  bool IsReady(const Move& move) const {
    for (int i = 0; i < move.count(); ++i) {
      const Action& action = move.first[i];
      if (!HasInput(topology_, done_, action) ||
          LocalBlocker(topology_, done_, action).has_value()) {
        return false;
      }
    }
    return true;
  }

  void Round() {
    moves_.clear();
    tried_.swap(candidates_);
    for (const int rank : tried_) {
      candidate_[rank] = false;
      const Move move{&schedule_.programs[rank][position_[rank]]};
      if (IsReady(move)) moves_.push_back(move);
    }
    tried_.clear();
    for (const Move& move : moves_) PostReceives(move);
    for (const Move& move : moves_) Compute(move);
    for (const Move& move : moves_) PostSecond(move);
    for (const Action* action : second_sends_) Send(*action);
    second_sends_.clear();
    ReduceCopies();
    for (const Move& move : moves_) WakeOthers(move);
  }

  // The stage that `action` makes a tensor for on another rank; -1 for none.
  int ReceiverOf(const Action& action) const {
    const StageLinks& links = topology_[action.stage];
    if (action.kind == ActionKind::kForward && links.crosses_after) {
      return action.stage + 1;
    }
    const bool backward = action.kind == ActionKind::kBackward ||
                          action.kind == ActionKind::kBackwardInput;
    return backward && links.crosses_before ? action.stage - 1 : -1;
  }

  void Post(const Action& maker, int receiver) {
    Action post = maker;
    post.stage = receiver;
    post.kind = maker.kind == ActionKind::kForward
                    ? ActionKind::kReceiveForward
                    : ActionKind::kReceiveBackward;
    post.overlaps_next = false;
    ProgramOf(receiver).push_back(post);
  }

  void Send(const Action& maker) {
    Action send = maker;
    send.kind = maker.kind == ActionKind::kForward ? ActionKind::kSendForward
                                                   : ActionKind::kSendBackward;
    send.overlaps_next = false;
    ProgramOf(maker.stage).push_back(send);
  }

  // Whether a compound action makes two tensors for one rank.
  bool SharesEdge(const Move& move) const {
    if (move.count() == 1) return false;
    const int first = ReceiverOf(move.first[0]);
    const int second = ReceiverOf(move.first[1]);
    return first >= 0 && second >= 0 &&
           topology_[first].rank == topology_[second].rank;
  }

  // Posts the buffers for what the move makes, before the owner of a buffer
  // executes its own move of this round.
  void PostReceives(const Move& move) {
    const int end = SharesEdge(move) ? 1 : move.count();
    for (int i = 0; i < end; ++i) {
      const int receiver = ReceiverOf(move.first[i]);
      if (receiver >= 0) Post(move.first[i], receiver);
    }
  }

  void Compute(const Move& move) {
    for (int i = 0; i < move.count(); ++i) {
      const Action& action = move.first[i];
      ProgramOf(action.stage).push_back(action);
      if (IsCompute(action.kind))
        done_.Set(topology_.Cell(action), action.kind);
    }
    position_[topology_[move.first->stage].rank] += move.count();
    const int end = SharesEdge(move) ? 1 : move.count();
    for (int i = 0; i < end; ++i) {
      if (ReceiverOf(move.first[i]) >= 0) Send(move.first[i]);
    }
    for (int i = 0; i < move.count(); ++i) Reduce(move.first[i]);
  }

  // The edge's one credit is back when the first tensor has been sent.
  void PostSecond(const Move& move) {
    if (!SharesEdge(move)) return;
    Post(move.first[1], ReceiverOf(move.first[1]));
    second_sends_.push_back(&move.first[1]);
  }

  void Reduce(const Action& action) {
    if (action.kind != ActionKind::kBackward &&
        action.kind != ActionKind::kBackwardWeight) {
      return;
    }
    const int stage = action.stage;
    if (--backward_left_[stage] > 0) return;
    if (options_.reduce_gradients) {
      ProgramOf(stage).push_back({stage, ActionKind::kReduceGradient, -1});
    }
    const int slice = schedule_.SliceOf(stage);
    if (--copies_left_[slice] == 0 && schedule_.copies > 1) {
      complete_slices_.push_back(slice);
    }
  }

  // In the same order on all ranks that hold the slices.
  void ReduceCopies() {
    for (const int slice : complete_slices_) {
      for (int stage = slice; stage < schedule_.stages();
           stage += schedule_.stages_per_copy()) {
        ProgramOf(stage).push_back({stage, ActionKind::kReduceCopy, -1});
      }
    }
    complete_slices_.clear();
  }

  void WakeOthers(const Move& move) {
    const auto wake = [this](int rank) { AddCandidate(rank); };
    wake(topology_[move.first->stage].rank);
    for (int i = 0; i < move.count(); ++i) {
      WakeAfter(schedule_, topology_, move.first[i], wake);
    }
  }

  void Finish() {
    if (options_.reduce_tied) {
      for (int stage = 0; stage < schedule_.stages(); ++stage) {
        if (!topology_[stage].has_before || !topology_[stage].has_after) {
          ProgramOf(stage).push_back({stage, ActionKind::kReduceTied, -1});
        }
      }
    }
    for (std::vector<Action>& program : lowered_.programs) {
      program.push_back({-1, ActionKind::kOptimizer, -1});
    }
  }

  const Schedule& schedule_;
  const LowerOptions options_;
  const Topology topology_;
  ActionTable done_;
  std::vector<size_t> position_;       // Per rank, in the compute-only program.
  std::vector<char> candidate_;        // Per rank: in `candidates_`.
  std::vector<int> candidates_;        // Ranks to try in the next round.
  std::vector<size_t> backward_left_;  // Per stage.
  std::vector<int>
      copies_left_;  // Per slice: copies with backward passes left.
  // Of one round.
  std::vector<int> tried_;
  std::vector<Move> moves_;
  std::vector<const Action*> second_sends_;
  std::vector<int> complete_slices_;
  Schedule lowered_;
};

}  // namespace

absl::StatusOr<Schedule> Lower(const Schedule& schedule,
                               const LowerOptions& options) {
  RETURN_IF_ERROR(CheckWellFormed(schedule, ScheduleForm::kComputeOnly));
  if ((options.reduce_gradients || options.reduce_tied) &&
      HasUpdate(schedule)) {
    return absl::InvalidArgumentError(
        "a schedule with UPDATE has no point at which replicas or tied weights "
        "could be summed: it needs one replica and an untied model");
  }
  Lowering lowering(schedule, options);
  if (lowering.Run()) return lowering.TakeLowered();
  // The rounds have come to a deadlock; this says which.
  RETURN_IF_ERROR(VerifyCompute(schedule));
  return absl::InternalError("the rounds stopped short of the programs' ends");
}

}  // namespace penstock
