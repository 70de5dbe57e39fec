#ifndef WORKER_RUNTIME_RECENT_METRICS_H_
#define WORKER_RUNTIME_RECENT_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "proto/metrics.h"

namespace penstock {

// The metrics of the last steps, for checkpoints to keep.
//
// Pure; thread-compatible.
class RecentMetrics {
 public:
  // Of `steps_max` steps at most; then the oldest go.
  explicit RecentMetrics(size_t steps_max) : steps_max_(steps_max) {}

  // Of a step after all others.
  void Add(const StepMetrics& metrics);

  // Of the steps in the weights after update `step`, by step.
  std::vector<StepMetrics> UpTo(int64_t step) const;

 private:
  const size_t steps_max_;
  std::deque<StepMetrics> steps_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_RECENT_METRICS_H_
