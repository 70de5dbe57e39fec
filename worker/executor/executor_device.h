#ifndef WORKER_EXECUTOR_EXECUTOR_DEVICE_H_
#define WORKER_EXECUTOR_EXECUTOR_DEVICE_H_

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "kernels/copy_queue.h"
#include "proto/plan.h"
#include "worker/executor/device_calls.h"
#include "worker/runtime/backend_maker.h"

namespace penstock {

using CopyQueueMaker =
    std::function<absl::StatusOr<std::unique_ptr<CopyQueue>>()>;

// The device of an executor, which is the only one of its kind that the process
// sees.
struct ExecutorDevice {
  BackendMaker make_backend;
  // Between its memory and the host's; null where they are the same.
  CopyQueueMaker make_copies;
};

// Of `kind`, "cpu" or "cuda", for a rank of `plan`. A CUDA device that takes
// longer for one pass than the plan's whole step, and than ten seconds, counts
// as hung. What is called of one is noted in `calls`, which must outlive the
// makers, so that a call that never returns is found a little later.
//
// Errors: InvalidArgument: no such kind. Opening a device is up to the makers.
absl::StatusOr<ExecutorDevice> ExecutorDeviceOf(std::string_view kind,
                                                const Plan& plan,
                                                DeviceCalls& calls);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_EXECUTOR_DEVICE_H_
