#ifndef KERNELS_CUDA_DEVICE_H_
#define KERNELS_CUDA_DEVICE_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/cuda/device_loss.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda/wait_options.h"

namespace penstock::cuda {

// One queue of work of a CUDA device, and memory. Thread-compatible; every
// method makes the device the calling thread's current one.
//
// No wait is longer than wait_max. One that is ends the device for this
// process, and so does an error that costs the context: from then on every
// method of every Device on it fails at once with that reason, and memory and
// queues are left to the end of the process, since giving them back would wait.
class Device {
 public:
  // Says why a device cannot be used and what to do about it.
  //
  // Errors:
  //   Unavailable: no driver, one too old, no device `index`, one too old or
  //     taken.
  //   ResourceExhausted: no memory for a context.
  static absl::StatusOr<std::unique_ptr<Device>> Open(const Runtime& runtime,
                                                      int index,
                                                      const WaitOptions& wait);

  // Waits for what is queued.
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // The queue, for launches that follow.
  //
  // Errors: the reason for which the device is lost.
  absl::StatusOr<cudaStream_t> Stream();

  // See Backend. Free waits for what is queued; an error of that comes from the
  // next Synchronize.
  absl::StatusOr<std::byte*> Allocate(int64_t bytes);
  void Free(std::byte* memory);
  absl::Status Copy(const void* from, void* to, int64_t bytes);
  absl::Status Zero(std::byte* memory, int64_t bytes);
  absl::Status Synchronize();

  // Between these two the queue takes down what is queued instead of doing it.
  // Whatever comes in between, EndCapture must be called, and returns the
  // executable graph. Errors of both cost the device nothing unless Stream says
  // so.
  absl::Status BeginCapture();
  absl::StatusOr<cudaGraphExec_t> EndCapture();
  // Queues all of a graph, which is destroyed when the device is done with it.
  absl::Status Launch(cudaGraphExec_t graph);
  void Destroy(cudaGraphExec_t graph);

  absl::Time now() const { return wait_.now(); }

  // See CopyQueue. FreeHost waits as Free does.
  absl::StatusOr<std::byte*> AllocateHost(int64_t bytes);
  void FreeHost(std::byte* memory);

 private:
  Device(const Runtime& runtime, int index, const WaitOptions& wait)
      : runtime_(runtime),
        index_(index),
        wait_(wait),
        loss_(LossOf(runtime, index)) {}

  absl::Status CheckCount(int64_t bytes, std::string_view operation) const;
  // FromCuda, and keeps an error that costs the device.
  absl::Status Checked(int error, std::string_view operation);
  absl::Status Wait();
  void FreeWith(cudaError_t (*free)(void*), std::byte* memory);

  const Runtime& runtime_;
  const int index_;
  const WaitOptions wait_;
  const std::shared_ptr<DeviceLoss> loss_;
  cudaStream_t stream_ = nullptr;
  absl::Status failed_free_;  // For the next Synchronize.
};

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_DEVICE_H_
