#include "kernels/cuda/wait_options.h"

#include <time.h>

#include "proto/base/clock.h"

namespace penstock::cuda {
namespace {

// Ends early when a signal comes: whoever waits asks again anyway.
void Pause(absl::Duration duration) {
  const timespec time = absl::ToTimespec(duration);
  ::clock_nanosleep(CLOCK_MONOTONIC, /*flags=*/0, &time, nullptr);
}

}  // namespace

WaitOptions SteadyWait(absl::Duration wait_max) {
  return {.wait_max = wait_max, .now = SteadyNow, .pause = Pause};
}

}  // namespace penstock::cuda
