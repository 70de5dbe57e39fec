#include "worker/runtime/speculation.h"

#include <algorithm>
#include <span>

#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/peers.h"

namespace penstock {
namespace {

// Runs the programs of all ranks with forward passes alone.
class ForwardWalk {
 public:
  explicit ForwardWalk(const Plan& plan)
      : plan_(plan), ends_(plan.ranks.size()) {}

  void Run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t rank = 0; rank < ends_.size(); ++rank) {
        const std::vector<Action>& program = plan_.ranks[rank].program;
        while (ends_[rank] < program.size() && Make(program[ends_[rank]])) {
          ++ends_[rank];
          moved = true;
        }
      }
    }
  }

  size_t end(int rank) const { return ends_[rank]; }
  std::set<std::pair<int, int>> TakeSent() { return std::move(sent_); }

 private:
  // False when `action` has to wait.
  bool Make(const Action& action) {
    switch (action.kind) {
      case ActionKind::kReceiveForward:
      case ActionKind::kReceiveBackward:
        return true;
      case ActionKind::kSendForward:
        sent_.emplace(action.stage, action.microbatch);
        return true;
      case ActionKind::kForward:
        // A pair's other half is a backward pass.
        return !action.overlaps_next && HasInput(action);
      default:
        return false;
    }
  }

  // A stage before on the same rank has made its pass: programs are in order.
  bool HasInput(const Action& action) const {
    const int before = action.stage - 1;
    if (IsFirstStage(plan_, action.stage)) return true;
    if (plan_.stages[before].rank == plan_.stages[action.stage].rank) {
      return true;
    }
    return sent_.count({before, action.microbatch}) > 0;
  }

  const Plan& plan_;
  std::vector<size_t> ends_;
  std::set<std::pair<int, int>> sent_;
};

}  // namespace

Speculation::Speculation(const Plan& plan, const Assignment& assignment,
                         RankMemory& memory)
    : plan_(plan),
      assignment_(assignment),
      memory_(memory),
      program_(plan.ranks[assignment.rank].program) {
  ForwardWalk walk(plan);
  walk.Run();
  end_ = walk.end(assignment.rank);
  sent_ = walk.TakeSent();
  FindReceives();
}

void Speculation::FindReceives() {
  std::set<std::pair<int, int>> used;
  for (size_t i = 0; i < end_; ++i) {
    if (program_[i].kind != ActionKind::kForward) continue;
    used.emplace(program_[i].stage, program_[i].microbatch);
  }
  for (size_t i = 0; i < program_.size(); ++i) {
    const Action& action = program_[i];
    if (action.kind != ActionKind::kReceiveForward ||
        sent_.count({action.stage - 1, action.microbatch}) == 0) {
      continue;
    }
    if (i >= end_) {
      unposted_.push_back(action);
    } else if (used.count({action.stage, action.microbatch}) == 0) {
      unused_.push_back(action);
    }
  }
}

bool Speculation::Repeats(size_t index) const {
  const Action& action = program_[index];
  if (action.kind == ActionKind::kReceiveBackward) return false;
  return action.kind != ActionKind::kReceiveForward ||
         sent_.count({action.stage - 1, action.microbatch}) > 0;
}

MessageKey Speculation::ActivationKey(int64_t step, int stage,
                                      int microbatch) const {
  const bool again = repeating_ && sent_.count({stage, microbatch}) > 0;
  return MakeKey(
      step, again ? MessageKind::kActivationAgain : MessageKind::kActivation,
      stage, microbatch);
}

absl::Status Speculation::Discard(int64_t step, Link& link,
                                  absl::Duration wait_max) {
  const auto key_of = [&](const Action& action) {
    return ActivationKey(step, action.stage - 1, action.microbatch);
  };
  // All are posted before any is waited for: their senders may wait for each of
  // them, in any order.
  std::vector<std::vector<std::byte>> thrown_away;
  for (const Action& action : unposted_) {
    std::vector<std::byte>& buffer =
        thrown_away.emplace_back(Local(action.stage)->sizes.boundary_in);
    RETURN_IF_ERROR(
        link.PostReceive(PeerOf(action.stage - 1), key_of(action), buffer));
  }
  const absl::Time deadline = SteadyNow() + wait_max;
  for (const auto* receives : {&unused_, &unposted_}) {
    for (const Action& action : *receives) {
      RETURN_IF_ERROR(link.WaitReceived(PeerOf(action.stage - 1),
                                        key_of(action), deadline));
      Local(action.stage)->inputs.Release(action.microbatch);
    }
  }
  for (size_t i = 0; i < end_; ++i) {
    const Action& action = program_[i];
    if (action.kind != ActionKind::kForward) continue;
    Local(action.stage)->activations.Release(action.microbatch);
    Local(action.stage)->inputs.Release(action.microbatch);
    // What it has written for a pass of this rank that was not made.
    if (IsLastStage(plan_, action.stage)) continue;
    if (StageMemory* next = Local(action.stage + 1)) {
      next->inputs.Release(action.microbatch);
    }
  }
  return absl::OkStatus();
}

int Speculation::PeerOf(int stage) const {
  return penstock::PeerOf(plan_, assignment_.replica, plan_.stages[stage].rank);
}

StageMemory* Speculation::Local(int stage) const {
  const auto local =
      std::find_if(memory_.stages.begin(), memory_.stages.end(),
                   [&](const StageMemory& s) { return s.stage == stage; });
  return local == memory_.stages.end() ? nullptr : &*local;
}

}  // namespace penstock
