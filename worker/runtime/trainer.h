#ifndef WORKER_RUNTIME_TRAINER_H_
#define WORKER_RUNTIME_TRAINER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/base/mutex.h"
#include "proto/file/allowed_roots.h"
#include "proto/file/disk.h"
#include "proto/plan.h"
#include "proto/worker_report.h"
#include "worker/link/link.h"
#include "worker/link/link_group.h"
#include "worker/runtime/backend_maker.h"
#include "worker/runtime/background_agreement.h"
#include "worker/runtime/checkpointer.h"
#include "worker/runtime/gradient_reducer.h"
#include "worker/runtime/optimistic_update.h"
#include "worker/runtime/pending_plan.h"
#include "worker/runtime/rank_memory.h"
#include "worker/runtime/sample_reader.h"
#include "worker/runtime/step_agreement.h"
#include "worker/runtime/step_executor.h"
#include "worker/runtime/step_leader.h"
#include "worker/runtime/trainer_events.h"
#include "worker/runtime/weight_versions.h"

namespace penstock {

// One rank's whole training: memory, weights, data, steps, checkpoints. What it
// computes depends on the plan alone, never on time.
//
// Prepare and Run are called by one thread; Pause, Cancel and progress by any.
class Trainer {
 public:
  // Allocates the planned memory and loads what training starts from. On the
  // leader, removes what earlier plans left half-written.
  //
  // Errors: those of `make_backend`;
  //   ResourceExhausted: the device has not enough memory;
  //   PermissionDenied: the plan's checkpoints go outside of `roots`;
  //   those of LoadWeights and SampleReader::Open.
  static absl::StatusOr<std::unique_ptr<Trainer>> Prepare(
      const Plan& plan, const Assignment& assignment, BackendMaker make_backend,
      const AllowedRoots& roots, Disk& disk, TrainerEvents events);

  ~Trainer();

  // Makes steps until the last one, or until the leader was told to pause; then
  // waits for the last checkpoint. Once. When it fails it aborts the link, so
  // that the other ranks stop at once, and the link must be destroyed first.
  //
  // Errors: those of StepExecutor::Run, StepAgreement and Checkpointer;
  //   those of the commit: the last checkpoint was not made;
  //   OutOfRange: the loss or the gradient norm is not finite any more; an
  //     update that was made before this was known has been taken back.
  //
  // Sums of gradients over the replicas are made in `replicas`, the group of
  // those of this rank, when there is one; else over the link.
  absl::Status Run(Link& link, LinkGroup* replicas = nullptr);

  // See StepLeader::Pause. Only the leader (replica 0, rank 0) heeds it.
  void Pause() {
    if (leader_.has_value()) leader_->Pause();
  }

  // Makes Run fail with Cancelled when its step ends; for whoever wants no
  // checkpoint.
  void Cancel() { cancelled_ = true; }

  // A later revision of the plan, to turn to after the first step at whose end
  // all ranks hold it; see CheckRevision for what it may change. The weights
  // have the same bits with it and without.
  void Revise(std::shared_ptr<const Plan> plan) {
    pending_.Offer(std::move(plan));
  }

  // Without the resident memory, which is the process's.
  Progress progress() const;

  // Bytes of the arena: what the plan says the rank holds on its device.
  int64_t arena_bytes() const {
    return memory_.arena->bytes() + memory_.pools->bytes();
  }

 private:
  Trainer(const Plan& plan, const Assignment& assignment,
          BackendMaker make_backend, Disk& disk, TrainerEvents events);

  absl::Status Load(const AllowedRoots& roots);
  void MakeLeader(const AllowedRoots& roots);
  absl::Status Train(Link& link, LinkGroup* replicas);
  StepHooks MakeHooks(Link& link);
  StepListener MakeListener();
  absl::Status PrepareProgram(Link& link);

  // The end of a step.
  absl::Status ReduceTied(int64_t step, int stage, Link& link);
  absl::Status Update(int64_t step, int stage, int version);
  absl::StatusOr<std::vector<double>> NormsSquared();
  absl::Status Optimize(int64_t step);
  absl::Status Conclude(int64_t step, const StepDecision& decision);
  // Awaits the decision about the update before `step`; see StepHooks.
  absl::StatusOr<bool> ValidateUpdate(int64_t step);
  absl::Status TurnTo(uint64_t revision, Link& link);
  absl::Status FinishCheckpoints(int64_t step);

  absl::Time Deadline() const;

  // Constant after Prepare, but for what a revision changes: the trainer's
  // thread's, which changes it under `mutex_`.
  Plan plan_;
  const Assignment assignment_;
  const TrainerEvents events_;
  const absl::Duration wait_max_;
  const BackendMaker make_backend_;
  std::unique_ptr<Backend> backend_;
  Disk& disk_;
  DataCursor cursor_;
  // What each rank of the pipeline counts in the norm; see CountedParameters.
  std::vector<std::vector<int64_t>> counted_;
  std::unique_ptr<SampleReader> data_;  // On the first and last stage.

  // The trainer's thread's.
  RankMemory memory_;
  std::optional<Checkpointer> checkpointer_;
  std::optional<StepLeader> leader_;  // On the leader; fixed after Prepare.
  std::optional<WeightVersions> versions_;    // Where the plan has them.
  std::optional<StepAgreement> agreement_;    // Set while Run runs, as the
  std::unique_ptr<GradientReducer> reducer_;  // next four; with replicas only.
  std::optional<OptimisticUpdate> optimistic_;  // If the job's is, as the next.
  std::unique_ptr<BackgroundAgreement> background_;
  std::unique_ptr<StepExecutor> executor_;
  absl::Time step_begin_;
  absl::Duration busy_;  // Since the last report.
  StepTrace trace_;
  int64_t last_step_ = 0;  // To be made, as far as is known.
  uint64_t next_revision_ = 0;

  PendingPlan pending_;
  std::atomic<int> action_index_ = -1;
  std::atomic<bool> cancelled_ = false;
  mutable Mutex mutex_;
  Progress progress_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_TRAINER_H_
