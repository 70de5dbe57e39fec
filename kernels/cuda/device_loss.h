#ifndef KERNELS_CUDA_DEVICE_LOSS_H_
#define KERNELS_CUDA_DEVICE_LOSS_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "proto/base/mutex.h"

namespace penstock::cuda {

struct Runtime;

// Whether a device is lost to this process, and why: it hangs, fell off, or a
// kernel's failure cost the context. Then no call that may wait for it must be
// made, in whatever thread. Thread-safe.
class DeviceLoss {
 public:
  // OK unless the device is lost.
  absl::Status status() const;
  // The first reason stays.
  void Set(const absl::Status& reason);

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// The same for all that use a device of a runtime at one time.
std::shared_ptr<DeviceLoss> LossOf(const Runtime& runtime, int device);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_DEVICE_LOSS_H_
