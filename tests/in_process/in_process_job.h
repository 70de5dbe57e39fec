#ifndef TESTS_IN_PROCESS_IN_PROCESS_JOB_H_
#define TESTS_IN_PROCESS_IN_PROCESS_JOB_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/file/allowed_roots.h"
#include "proto/file/disk.h"
#include "proto/metrics.h"
#include "proto/plan.h"
#include "worker/executor/executor_device.h"
#include "worker/link/link.h"
#include "worker/runtime/backend_maker.h"
#include "worker/runtime/trainer.h"

namespace penstock {

// kNccl is NCCL wherever a plan could have it, by a fake, over kLocal.
enum class LinkKind { kLocal, kGrpc, kNccl };

struct InProcessOptions {
  // Of every rank.
  BackendMaker make_backend = MakeCpuBackend;
  // For kGrpc between devices whose memory the host cannot read; null else.
  CopyQueueMaker make_copies = nullptr;
  LinkKind link = LinkKind::kLocal;
  // Paths of the plan must lie below it.
  std::string root;
  // The leader is paused once it has made this step; 0 for never.
  int64_t pause_after_step = 0;
  // The job ends with this step, well and without a checkpoint; 0 for never.
  int64_t cut_after_step = 0;
  // Given to all ranks at the end of this step, whose turn is therefore after
  // the next; null for none.
  int64_t revise_after_step = 0;
  std::shared_ptr<const Plan> revision;
  // Called by the leader's thread with the metrics of each step.
  std::function<void(const StepMetrics&)> on_step = [](const StepMetrics&) {};
  // Where checkpoints go; must outlive the job.
  Disk& disk = RealDisk();
};

struct InProcessResult {
  std::vector<StepMetrics> metrics;  // The leader's.
  std::vector<StepTrace> traces;     // Of all ranks.
  Progress progress;                 // The leader's, at the end.
  std::vector<int64_t> arena_bytes;  // By rank, replica by replica.
};

// Trains `plan` with each rank of each replica as a thread of this process, as
// executors do in processes of their own. `plan.checkpoint_directory` is where
// its checkpoints go.
//
// Errors: of the rank that failed first.
absl::StatusOr<InProcessResult> RunInProcess(const Plan& plan,
                                             const InProcessOptions& options);

}  // namespace penstock

#endif  // TESTS_IN_PROCESS_IN_PROCESS_JOB_H_
