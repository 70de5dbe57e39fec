#include "coordinator/schedule/count_buffers.h"

#include <algorithm>
#include <map>

#include "coordinator/schedule/walk.h"

namespace penstock {
namespace {

struct Counter {
  int now = 0;
  int peak = 0;

  void Take() { peak = std::max(peak, ++now); }
  void Give() { --now; }
};

struct StageCounters {
  Counter activations;
  Counter inputs;
  Counter outputs;
  Counter output_gradients;
  Counter input_gradients;
  Counter deferred;
};

class RankCounters {
 public:
  RankCounters(const Schedule& schedule, int rank) : schedule_(schedule) {
    for (int stage = 0; stage < schedule.stages(); ++stage) {
      if (schedule.rank_of_stage[stage] == rank) stages_[stage];
    }
  }

  void Execute(const Action& action) {
    StageCounters* stage =
        IsCompute(action.kind) || IsSend(action.kind) || IsReceive(action.kind)
            ? &stages_[action.stage]
            : nullptr;
    if (stage == nullptr) return;
    if (IsCompute(action.kind)) {
      Begin(action, *stage);
      End(action, *stage);
    } else if (action.kind == ActionKind::kReceiveForward) {
      stage->inputs.Take();
    } else if (action.kind == ActionKind::kReceiveBackward) {
      stage->output_gradients.Take();
    } else {
      sent_.push_back(action.kind == ActionKind::kSendForward
                          ? &stage->outputs
                          : &stage->input_gradients);
    }
  }

  std::vector<StageBuffers> Peaks() const {
    std::vector<StageBuffers> peaks;
    for (const auto& [stage, counters] : stages_) {
      peaks.push_back({.stage = stage,
                       .activations = counters.activations.peak,
                       .inputs = counters.inputs.peak,
                       .outputs = counters.outputs.peak,
                       .output_gradients = counters.output_gradients.peak,
                       .input_gradients = counters.input_gradients.peak,
                       .deferred = counters.deferred.peak});
    }
    return peaks;
  }

 private:
  void Begin(const Action& action, StageCounters& stage) {
    if (action.kind == ActionKind::kForward) {
      stage.activations.Take();
      if (action.stage + 1 == schedule_.stages()) return;
      (CrossesRanks(schedule_, action.stage) ? stage.outputs
                                             : stages_[action.stage + 1].inputs)
          .Take();
      return;
    }
    if (action.kind == ActionKind::kBackwardWeight) return;
    if (action.kind == ActionKind::kBackwardInput) stage.deferred.Take();
    if (action.stage == 0) return;
    (CrossesRanks(schedule_, action.stage - 1)
         ? stage.input_gradients
         : stages_[action.stage - 1].output_gradients)
        .Take();
  }

  void End(const Action& action, StageCounters& stage) {
    for (Counter* counter : sent_) counter->Give();
    sent_.clear();
    if (action.kind == ActionKind::kBackwardWeight) stage.deferred.Give();
    if (action.kind == ActionKind::kBackward ||
        action.kind == ActionKind::kBackwardWeight) {
      stage.activations.Give();
      if (action.stage > 0) stage.inputs.Give();
      if (action.stage + 1 < schedule_.stages()) stage.output_gradients.Give();
    }
  }

  const Schedule& schedule_;
  std::map<int, StageCounters> stages_;  // Of this rank.
  std::vector<Counter*> sent_;  // Given back after the next compute action.
};

}  // namespace

std::vector<StageBuffers> CountBuffers(const Schedule& schedule, int rank) {
  RankCounters counters(schedule, rank);
  for (const Action& action : schedule.programs[rank]) {
    counters.Execute(action);
  }
  return counters.Peaks();
}

}  // namespace penstock
