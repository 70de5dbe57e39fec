#ifndef PROTO_METRICS_H_
#define PROTO_METRICS_H_

#include <cstdint>
#include <vector>

namespace penstock {

// What one step of a whole job did. `step` counts from 1: the number of updates
// after it.
struct StepMetrics {
  int64_t step = 0;
  double loss = 0;       // Nats per token, before the update.
  double grad_norm = 0;  // Before clipping.
  double tokens_per_second = 0;
  double bubble_fraction_measured = 0;
  double bubble_fraction_predicted = 0;  // By the plan in force.
  double step_seconds = 0;
  double step_seconds_predicted = 0;  // By the plan in force; 0: not known.
  uint64_t plan_revision = 0;         // Of the plan in force.

  friend bool operator==(const StepMetrics&, const StepMetrics&) = default;
};

// By how much the step took longer than predicted, as a share of the
// prediction; negative when it was faster, 0 without a prediction.
inline double PredictionError(const StepMetrics& metrics) {
  if (metrics.step_seconds_predicted <= 0) return 0;
  return metrics.step_seconds / metrics.step_seconds_predicted - 1;
}

// When one rank did what in one step: `begin_us[i]` and `end_us[i]` belong to
// the i-th action of its program, in microseconds since the step began on that
// rank. For F, B, I, W the time computed, without waiting for inputs.
struct StepTrace {
  int64_t step = 0;
  int replica = 0;
  int rank = 0;
  uint64_t revision = 0;  // Of the plan whose program it is.
  int64_t start_us = 0;   // Of the step, on the node's steady clock.
  std::vector<uint32_t> begin_us;
  std::vector<uint32_t> end_us;
};

}  // namespace penstock

#endif  // PROTO_METRICS_H_
