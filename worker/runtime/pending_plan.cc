#include "worker/runtime/pending_plan.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace penstock {
namespace {

bool IsSameStage(const StageBuffers& a, const StageBuffers& b) {
  return a.stage == b.stage && a.versions == b.versions;
}

}  // namespace

absl::Status CheckRevision(const Plan& current, const Plan& next) {
  bool same = current.spec.name == next.spec.name &&
              current.spec.batch == next.spec.batch &&
              HaveSameStages(current, next);
  for (size_t rank = 0; same && rank < next.ranks.size(); ++rank) {
    const std::vector<StageBuffers>& buffers = current.ranks[rank].buffers;
    same = std::equal(buffers.begin(), buffers.end(),
                      next.ranks[rank].buffers.begin(),
                      next.ranks[rank].buffers.end(), IsSameStage);
  }
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "revision {} of the plan has other stages or micro-batches than revision "
      "{}: only programs, buffers and forecasts may differ",
      next.revision, current.revision));
}

void PendingPlan::Offer(std::shared_ptr<const Plan> plan) {
  MutexLock lock(mutex_);
  if (plan->revision <= held_) return;
  held_ = plan->revision;
  plans_[held_] = std::move(plan);
}

uint64_t PendingPlan::held() const {
  MutexLock lock(mutex_);
  return held_;
}

absl::StatusOr<std::shared_ptr<const Plan>> PendingPlan::Take(
    uint64_t revision) {
  MutexLock lock(mutex_);
  const auto found = plans_.find(revision);
  if (found == plans_.end()) {
    return absl::InternalError(fmt::format(
        "all ranks turn to revision {} of the plan, which this one was never "
        "given",
        revision));
  }
  std::shared_ptr<const Plan> plan = std::move(found->second);
  plans_.erase(plans_.begin(), std::next(found));
  return plan;
}

}  // namespace penstock
