#ifndef COORDINATOR_PLANNER_COST_MODEL_H_
#define COORDINATOR_PLANNER_COST_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "proto/job_spec.h"
#include "proto/worker_report.h"

namespace penstock {

// Between two ranks, one direction: from the end of the pass that makes a
// tensor to the beginning of the one that waits for it. The defaults are what
// traces of small tensors and the link benchmark show between two processes of
// one machine (0.3 to 0.4 ms, of which gRPC's half round trip is 0.1).
struct LinkShape {
  absl::Duration latency = absl::Microseconds(350);
  double bytes_per_second = 2e9;
};

// Of one unit of the model and one micro-batch, in seconds at speed 1; on a
// device, divided by SpeedOf it.
struct UnitTimes {
  double forward = 0;
  double input_gradient = 0;
  double weight_gradient = 0;

  double total() const { return forward + input_gradient + weight_gradient; }
};

// Index: unit. A sim model's times are exact, GPT-2's are its floating-point
// operations.
std::vector<UnitTimes> TimesOfUnits(const JobSpec& spec);

// 1 for a sim model, which takes its time anywhere; else the floating-point
// operations a second that the model's kernels reach on `device`.
double SpeedOf(const JobSpec& spec, const DeviceShape& device);

// Of a tensor between two stages, for one micro-batch or one of `pieces` pieces
// of it.
int64_t BoundaryBytes(const JobSpec& spec, int pieces = 1);

// Seconds to send `bytes` over `link`.
double TransferTime(const LinkShape& link, int64_t bytes);

// Seconds to sum `bytes` of gradients over D replicas: what each of them sends
// and receives is 2 (D - 1) / D of the bytes, in 2 (D - 1) messages.
double ReduceTime(const LinkShape& link, int64_t bytes, int64_t replicas);

// Seconds of the AdamW update of `bytes` of weights on the job's devices, which
// their memory's bandwidth bounds.
double OptimizerTime(const JobSpec& spec, int64_t bytes);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_COST_MODEL_H_
