#ifndef WORKER_RUNTIME_PENDING_PLAN_H_
#define WORKER_RUNTIME_PENDING_PLAN_H_

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/mutex.h"
#include "proto/plan.h"

namespace penstock {

// Whether the executors of `current` can turn to `next` between two steps:
// stages, what they hold, and the job are the same, so that weights and moments
// stay where they are.
//
// Errors: InvalidArgument: what differs.
absl::Status CheckRevision(const Plan& current, const Plan& next);

// Later revisions of the plan that a rank executes, until all ranks hold them.
//
// Thread-safe: the thread that hears of them offers, the trainer's takes.
class PendingPlan {
 public:
  explicit PendingPlan(uint64_t revision) : held_(revision) {}

  // Keeps `plan` if it is later than all that were offered.
  void Offer(std::shared_ptr<const Plan> plan);

  // The newest revision that was offered, or the first.
  uint64_t held() const;

  // Gives `revision` out and forgets it and all before.
  //
  // Errors: Internal: it was never offered.
  absl::StatusOr<std::shared_ptr<const Plan>> Take(uint64_t revision);

 private:
  mutable Mutex mutex_;
  uint64_t held_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<const Plan>> plans_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_PENDING_PLAN_H_
