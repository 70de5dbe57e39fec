#ifndef WORKER_RUNTIME_STEP_LEADER_H_
#define WORKER_RUNTIME_STEP_LEADER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/file/disk.h"
#include "proto/metrics.h"
#include "proto/plan.h"
#include "worker/runtime/checkpointer.h"
#include "worker/runtime/data_cursor.h"
#include "worker/runtime/recent_metrics.h"
#include "worker/runtime/step_agreement.h"
#include "worker/runtime/trainer_events.h"

namespace penstock {

// What replica 0's rank 0 does for all: makes each step's decision of the
// reports, publishes its metrics, and has complete checkpoints committed.
//
// Thread-compatible, but for Pause, which any thread may call.
class StepLeader {
 public:
  struct Options {
    uint64_t epoch = 0;
    DataCursor cursor;
    absl::Duration wait_max;  // Of a commit.
    // `counted[rank]` is what each rank of the pipeline counts in the norm; see
    // CountedParameters.
    std::vector<std::vector<int64_t>> counted;
    // Of steps in the checkpoint that the job goes on from, by step.
    std::vector<StepMetrics> earlier;
    TrainerEvents events;
    // Told of each complete checkpoint.
    std::function<void(const std::string& path, int64_t step)> on_checkpoint;
  };

  // `plan` and `disk` must outlive this.
  StepLeader(const Plan& plan, Disk& disk, Options options);

  // Asks for a stop after the step being made, with a checkpoint. Where updates
  // are optimistic the step after it is being made, too, when it is decided
  // about, and becomes the last.
  void Pause() { pause_ = true; }

  // Publishes the earlier metrics, which may have been lost with who made those
  // steps. The first step's time counts from here.
  void Begin();

  // Decides about `step` by the reports of all peers.
  //
  // Errors: those of CheckpointCollector::Add;
  //   OutOfRange: the loss or the gradient norm is not finite any more.
  absl::StatusOr<StepDecision> Decide(int64_t step,
                                      const std::vector<StepReport>& reports);

  // Takes in the shards of `reports`.
  //
  // Errors: those of CheckpointCollector::Add.
  absl::Status CollectShards(const std::vector<StepReport>& reports);

  // Waits until nothing is to be committed any more, and proves that `step`,
  // the last one, has its checkpoint.
  //
  // Errors: those of the commit; DeadlineExceeded: it is not over in time;
  //   DataLoss: shards are missing.
  absl::Status CheckLastCheckpoint(int64_t step);

 private:
  double GlobalNorm(const std::vector<StepReport>& reports) const;
  void NoteCheckpoints(const std::vector<CommitResult>& results);
  void Publish(const StepMetrics& metrics);
  void PublishMetrics(int64_t step, const StepDecision& decision,
                      const std::vector<StepReport>& reports);
  absl::Time Deadline() const;

  const Plan& plan_;
  const Options options_;
  RecentMetrics metrics_;
  CheckpointCollector collector_;
  absl::Status checkpoint_status_;  // Of the last commit.
  int64_t checkpoint_step_ = 0;     // The last one committed.
  absl::Time last_decision_;
  int64_t last_step_ = 0;  // To be made.
  std::atomic<bool> pause_ = false;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_STEP_LEADER_H_
