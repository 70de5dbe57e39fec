#include "coordinator/schedule/dual_pipe_steps.h"

#include <utility>

namespace penstock {
namespace {

enum Lane { kNear = 0, kFar = 1 };

class Steps {
 public:
  Steps(ProgramWriter& writer, int microbatches, int half, int place)
      : writer_(writer),
        after_(half - place - 1),
        before_(place + 1),
        pairs_(microbatches - 2 * half + place + 1) {}

  void WarmUp() {
    for (int i = 0; i < 2 * after_; ++i) writer_.Forward(kNear);
    for (int i = 0; i < before_; ++i) {
      writer_.Forward(kNear);
      writer_.Forward(kFar);
    }
    for (int i = 0; i < after_; ++i) {
      writer_.InputGradient(kFar);
      writer_.OldestWeightGradient();
      writer_.Forward(kFar);
    }
  }

  void Steady() {
    for (int i = 0; i < pairs_; ++i) {
      if (i == 0 && after_ == 0) {
        // The turn: B waits for what this very F starts.
        writer_.Forward(kNear);
        writer_.Backward(kFar);
      } else {
        writer_.Overlapped(kNear, kFar);
      }
      writer_.Overlapped(kFar, kNear);
    }
    for (int i = 0; i < after_; ++i) {
      writer_.Backward(kFar);
      writer_.Overlapped(kFar, kNear);
    }
  }

  void CoolDown() {
    // The second half without W, which fills the bubble at the end.
    for (int i = 0; i < 2 * before_; ++i) {
      const Lane lane = i % 2 == 0 ? kFar : kNear;
      i < before_ ? writer_.Backward(lane) : writer_.InputGradient(lane);
    }
    for (int i = 0; i < after_; ++i) {
      writer_.OldestWeightGradient();
      writer_.InputGradient(kNear);
    }
    for (int i = 0; i < before_; ++i) writer_.OldestWeightGradient();
  }

 private:
  ProgramWriter& writer_;
  const int after_;   // Ranks between this one and the turn.
  const int before_;  // Ranks from the entrance to this one, itself too.
  const int pairs_;
};

}  // namespace

std::vector<Action> DualPipeSteps(const ProgramWriter::Lane& near,
                                  const ProgramWriter::Lane& far,
                                  int microbatches, int half, int place) {
  // Twice F, and between twice B and twice I and W.
  ProgramWriter writer({near, far}, microbatches,
                       size_t{4} * microbatches + 2 * half);
  Steps steps(writer, microbatches, half, place);
  steps.WarmUp();
  steps.Steady();
  steps.CoolDown();
  return std::move(writer).Take();
}

}  // namespace penstock
