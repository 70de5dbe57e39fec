#ifndef WORKER_RUNTIME_STEP_AGREEMENT_H_
#define WORKER_RUNTIME_STEP_AGREEMENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/plan.h"
#include "worker/checkpoint/shard_report.h"
#include "worker/link/link.h"

namespace penstock {

// What one executor says at the end of a step, before the update.
struct StepReport {
  double loss_sum = 0;      // Of its tokens, in nats; last stages only.
  double busy_seconds = 0;  // Computing since its last report.
  // Sum of squares of each weight's gradient that this rank counts, in the
  // order of its slots. Read of replica 0 only: all replicas have equal ones.
  std::vector<double> norms_squared;
  std::optional<ShardReport> shard;  // Of a checkpoint that it has written.
  uint64_t revision = 0;             // The newest of the plan that it holds.
};

// What the leader answers to all.
struct StepDecision {
  double loss = 0;  // Mean over the tokens of the global batch.
  double grad_norm = 0;
  double clip_factor = 1;   // Gradients are multiplied by it.
  bool checkpoint = false;  // Take a snapshot after the update.
  // No step after it is made, as far as is known.
  int64_t last_step = std::numeric_limits<int64_t>::max();
  // Of the plan, from the next step on: the newest that all hold.
  uint64_t revision = 0;
};

// All executors of a plan agree once per step: each reports to the leader
// (replica 0, rank 0), which decides and tells everyone. Messages have fixed
// sizes, known from the plan.
//
// Thread-compatible. After an error it must outlive the link, which may still
// hold its buffers.
class StepAgreement {
 public:
  // `norm_counts[rank]` is how many norms each rank reports.
  StepAgreement(const Plan& plan, const Assignment& assignment,
                std::vector<int> norm_counts, Link& link,
                absl::Duration wait_max);

  bool is_leader() const { return self_ == 0; }
  int peers() const { return peers_; }

  using Decide = std::function<absl::StatusOr<StepDecision>(
      const std::vector<StepReport>& reports)>;

  // Reports, and returns what the leader decided. On the leader `decide` gets
  // all reports by peer (replica * ranks + rank); its error is returned, and
  // the others learn of it by the link's abort.
  //
  // Errors: those of Link and `decide`;
  //   InvalidArgument: a peer's message is not a report.
  absl::StatusOr<StepDecision> Agree(int64_t step, const StepReport& report,
                                     const Decide& decide);

 private:
  absl::StatusOr<std::vector<StepReport>> Gather(int64_t step,
                                                 const StepReport& own);
  int NormCount(int peer) const;

  const int self_;
  const int peers_;
  const std::vector<int> norm_counts_;
  Link& link_;
  const absl::Duration wait_max_;
  std::vector<std::vector<std::byte>> reports_;  // By peer; own at self.
  std::vector<std::byte> decision_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_STEP_AGREEMENT_H_
