#ifndef WORKER_RUNTIME_STEP_EXECUTOR_H_
#define WORKER_RUNTIME_STEP_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/plan.h"
#include "worker/link/link.h"
#include "worker/runtime/rank_memory.h"
#include "worker/runtime/speculation.h"
#include "worker/runtime/stage.h"

namespace penstock {

// Told of every action; the trace, the progress report and the tests listen
// here. `begin` is when the action had what it waited for.
struct StepListener {
  std::function<void(size_t index, const Action& action)> on_wait =
      [](size_t, const Action&) {};
  std::function<void(size_t index, absl::Time begin, absl::Time end)> on_end =
      [](size_t, absl::Time, absl::Time) {};
};

// What a program asks for beyond passes and transfers; by the trainer.
struct StepHooks {
  std::function<absl::Status(int64_t step, int stage)> reduce_gradient;
  std::function<absl::Status(int64_t step, int stage)> reduce_copy;
  std::function<absl::Status(int64_t step, int stage)> reduce_tied;
  std::function<absl::Status(int64_t step, int stage, int version)> update;
  std::function<absl::Status(int64_t step)> optimize;
  // For updates that do not wait for their validation; else null. Asked before
  // the first action that needs the update before step `step` to be final:
  // false if the forward passes made so far used other weights.
  std::function<absl::StatusOr<bool>(int64_t step)> validate;
};

// Executes the program of one rank, one action after the other, and knows no
// schedule's name. Transfers are offered and posted where the program says so
// and go on behind the next actions; a pass waits for its own inputs only.
//
// Thread-compatible: one thread calls Run.
class StepExecutor {
 public:
  // `plan`, `memory` and `link` must outlive this. `stages` are this rank's, in
  // the order of memory.stages. No wait is longer than `wait_max`.
  StepExecutor(const Plan& plan, const Assignment& assignment,
               RankMemory& memory, std::vector<std::unique_ptr<Stage>> stages,
               Link& link, absl::Duration wait_max, StepHooks hooks,
               StepListener listener);

  // Makes step `step`, counted from 1. Stops at the first error and returns it
  // with replica, rank and action before its message; actions after it have not
  // run, and gradients are half summed: only a checkpoint goes on from there.
  //
  // Errors: those of Stage, Link and the hooks;
  //   Internal: the program does not fit the plan's buffers.
  absl::Status Run(int64_t step);

  // Sum of the token losses of the last step on this rank, in micro-batch
  // order.
  double LossSum() const;

  // Time spent computing since the last call.
  absl::Duration TakeBusy();

 private:
  struct LocalStage {
    StageMemory* memory = nullptr;
    std::unique_ptr<Stage> stage;
    // By IndexOf: what its forward pass saves is made again before its
    // backward pass, and not kept.
    std::vector<bool> recomputed;
  };

  // Numbers the micro-batches of a step, or their pieces: buffers and messages
  // are found by it.
  int IndexOf(const Action& action) const;
  LocalStage& Local(int stage);
  bool IsLocal(int stage) const;
  int PeerOf(int stage) const;
  absl::Time Deadline() const;

  // The actions from `begin` up to `end`.
  absl::Status RunActions(int64_t step, size_t begin, size_t end);
  // Makes the speculative actions a second time.
  absl::Status RunAgain(int64_t step);
  absl::Status AtAction(const absl::Status& status, int64_t step,
                        size_t index) const;
  absl::Status RunAction(int64_t step, const Action& action);
  absl::Status RunPass(int64_t step, const Action& action);
  absl::Status Compute(const Action& action, LocalStage& local,
                       const StagePass& pass);

  // What a pass needs before and gives back after.
  absl::Status PrepareForward(LocalStage& local, int index, StagePass& pass);
  absl::Status PrepareInputGradient(LocalStage& local, int index,
                                    StagePass& pass, bool deferred);
  void FinishBackward(LocalStage& local, int index);

  absl::StatusOr<const std::byte*> Receive(BufferPool& pool, int producer,
                                           MessageKey key, int index);
  MessageKey Key(int64_t step, bool gradient, int stage, int index) const;
  absl::StatusOr<std::byte*> AcquireOutgoing(BufferPool& pool, int64_t step,
                                             int stage, bool gradient,
                                             int index);
  absl::Status Send(int64_t step, const Action& action);
  absl::Status PostReceive(int64_t step, const Action& action);
  absl::Status FinishSends(int64_t step);

  const Plan& plan_;
  const Assignment assignment_;
  Link& link_;
  const absl::Duration wait_max_;
  const StepHooks hooks_;
  const StepListener listener_;
  std::optional<Speculation> speculation_;  // With hooks_.validate.
  std::vector<LocalStage> stages_;
  std::vector<double> losses_;       // By IndexOf; of the last stages.
  std::vector<std::byte*> earlier_;  // Of the pass being made.
  absl::Time begin_;  // Of the action, when its inputs were there.
  absl::Duration busy_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_STEP_EXECUTOR_H_
