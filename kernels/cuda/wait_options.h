#ifndef KERNELS_CUDA_WAIT_OPTIONS_H_
#define KERNELS_CUDA_WAIT_OPTIONS_H_

#include "absl/time/time.h"

namespace penstock::cuda {

// How to wait for a device: by asking it again and again, because a device that
// hangs ends no other wait. Tests put their own time in its place.
struct WaitOptions {
  absl::Duration wait_max = absl::Seconds(60);
  // Awake so long, since what many passes of small stages take is not worth
  // going to sleep; and then asleep so long between two questions.
  absl::Duration awake = absl::Microseconds(100);
  absl::Duration asleep = absl::Microseconds(20);
  absl::Time (*now)();
  void (*pause)(absl::Duration);
};

// By the machine's steady clock.
WaitOptions SteadyWait(absl::Duration wait_max);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_WAIT_OPTIONS_H_
