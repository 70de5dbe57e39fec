#ifndef KERNELS_CUDA_OPTIONS_H_
#define KERNELS_CUDA_OPTIONS_H_

#include "absl/time/time.h"
#include "kernels/attention_shape.h"

namespace penstock {

// When Backend::Replay records what is queued as a CUDA graph and launches
// that.
enum class GraphUse {
  kNever,
  // Where queueing takes the host more than half of the time until the device
  // is done, so that launching in one call can pay. The bits are the same.
  kWherePaying,
  kAlways,
};

struct CudaOptions {
  AttentionForm attention = AttentionForm::kDeterministic;
  GraphUse graphs = GraphUse::kWherePaying;
  // What one Synchronize waits for the device at most. After that the device
  // counts as lost: every later call fails at once with the same
  // DeadlineExceeded, and nothing waits for it any more.
  absl::Duration wait_max = absl::Seconds(60);
};

}  // namespace penstock

#endif  // KERNELS_CUDA_OPTIONS_H_
