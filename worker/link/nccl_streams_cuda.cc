#include <stdlib.h>

#include "cuda_runtime_api.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "worker/link/nccl_load.h"

namespace penstock {
namespace {

absl::Status ToStatus(cudaError_t error, const char* call) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  switch (error) {
    case cudaSuccess:
      return absl::OkStatus();
    case cudaErrorMemoryAllocation:
      code = absl::StatusCode::kResourceExhausted;
      break;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorDevicesUnavailable:
    case cudaErrorStubLibrary:
    case cudaErrorSystemNotReady:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchFailure:
      code = absl::StatusCode::kUnavailable;
      break;
    default:
      break;
  }
  return absl::Status(code,
                      fmt::format("{}: {}", call, ::cudaGetErrorString(error)));
}

cudaStream_t Of(CudaStream stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}

cudaEvent_t Of(CudaEvent event) { return reinterpret_cast<cudaEvent_t>(event); }

class DeviceStreams : public CudaStreams {
 public:
  explicit DeviceStreams(int device) : device_(device) {}

  absl::Status UseDevice() override {
    return ToStatus(::cudaSetDevice(device_), "cudaSetDevice");
  }

  absl::StatusOr<CudaStream> CreateStream() override {
    int least = 0;
    int greatest = 0;
    RETURN_IF_ERROR(
        ToStatus(::cudaDeviceGetStreamPriorityRange(&least, &greatest),
                 "cudaDeviceGetStreamPriorityRange"));
    cudaStream_t stream = nullptr;
    RETURN_IF_ERROR(ToStatus(::cudaStreamCreateWithPriority(
                                 &stream, cudaStreamNonBlocking, greatest),
                             "cudaStreamCreateWithPriority"));
    return reinterpret_cast<CudaStream>(stream);
  }

  // Errors of what frees are those of a device that is lost anyway.
  void DestroyStream(CudaStream stream) override {
    ::cudaStreamDestroy(Of(stream));
  }

  absl::StatusOr<CudaEvent> Record(CudaStream stream) override {
    cudaEvent_t event = nullptr;
    RETURN_IF_ERROR(
        ToStatus(::cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
                 "cudaEventCreateWithFlags"));
    const absl::Status recorded =
        ToStatus(::cudaEventRecord(event, Of(stream)), "cudaEventRecord");
    if (recorded.ok()) return reinterpret_cast<CudaEvent>(event);
    ::cudaEventDestroy(event);
    return recorded;
  }

  absl::StatusOr<bool> IsDone(CudaEvent event) override {
    const cudaError_t state = ::cudaEventQuery(Of(event));
    if (state == cudaErrorNotReady) return false;
    RETURN_IF_ERROR(ToStatus(state, "cudaEventQuery"));
    return true;
  }

  void DestroyEvent(CudaEvent event) override { ::cudaEventDestroy(Of(event)); }

  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override {
    void* memory = nullptr;
    RETURN_IF_ERROR(ToStatus(::cudaMalloc(&memory, static_cast<size_t>(bytes)),
                             "cudaMalloc"));
    return static_cast<std::byte*>(memory);
  }
  void Free(std::byte* memory) override { ::cudaFree(memory); }

 private:
  const int device_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CudaStreams>> OpenCudaStreams(int device) {
  ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", /*overwrite=*/0);
  auto streams = std::make_unique<DeviceStreams>(device);
  RETURN_IF_ERROR(streams->UseDevice());
  return streams;
}

}  // namespace penstock
