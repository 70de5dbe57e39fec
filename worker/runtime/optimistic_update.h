#ifndef WORKER_RUNTIME_OPTIMISTIC_UPDATE_H_
#define WORKER_RUNTIME_OPTIMISTIC_UPDATE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "proto/job_spec.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {

// The update of a rank's weights that does not wait for the global norm: made
// at once as if nothing had to be clipped, and taken back when that turns out
// wrong. What was there before is kept as a copy, so taking back is exact;
// undoing AdamW by its formula (Qi et al. 2024, section 4) is not.
//
// From Apply to Confirm or Redo the gradients stay as they are, and nobody may
// add to them.
//
// Thread-compatible. Errors of every method: those of Backend.
class OptimisticUpdate {
 public:
  // All must outlive this. Requires memory.kept.
  OptimisticUpdate(const JobSpec& spec, Backend& backend, RankMemory& memory)
      : spec_(spec), backend_(backend), memory_(memory) {}

  // The update that is neither confirmed nor redone nor taken back yet.
  std::optional<int64_t> pending() const { return pending_; }

  // Keeps weights and moments, and makes update `step` without clipping.
  // Requires no pending one.
  absl::Status Apply(int64_t step);

  // It was right: zeroes the gradients.
  absl::Status Confirm();

  // It was wrong: makes it again with this clip factor.
  absl::Status Redo(float clip_factor);

  // Weights and moments become what they were before Apply.
  absl::Status TakeBack();

 private:
  enum class Direction { kKeep, kRestore };

  absl::Status CopyKept(Direction direction);

  const JobSpec& spec_;
  Backend& backend_;
  RankMemory& memory_;
  std::optional<int64_t> pending_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_OPTIMISTIC_UPDATE_H_
