#include "worker/runtime/recent_metrics.h"

#include <algorithm>

#include "proto/base/check.h"

namespace penstock {

void RecentMetrics::Add(const StepMetrics& metrics) {
  PENSTOCK_CHECK(steps_.empty() || steps_.back().step < metrics.step);
  steps_.push_back(metrics);
  if (steps_.size() > steps_max_) steps_.pop_front();
}

std::vector<StepMetrics> RecentMetrics::UpTo(int64_t step) const {
  const auto end =
      std::upper_bound(steps_.begin(), steps_.end(), step,
                       [](int64_t last, const StepMetrics& metrics) {
                         return last < metrics.step;
                       });
  return {steps_.begin(), end};
}

}  // namespace penstock
