#include "kernels/cuda/emulator/runtime.h"

#include <cuda_runtime.h>

namespace penstock::cuda::emulator {
namespace {

template <int kValue>
cudaError_t Answer(int* value) {
  *value = kValue;
  return cudaSuccess;
}

constexpr Runtime kEmulated{
    .driver_get_version = Answer<13000>,
    .runtime_get_version = Answer<13000>,
    .get_device_count = Answer<1>,
    .compute_capability = [](int /*device*/,
                             int* value) { return Answer<90>(value); },
    .get_properties =
        [](int /*device*/, DeviceProperties* properties) {
          *properties = {.name = "emulated",
                         .memory_bytes = kDeviceBytes,
                         .multiprocessors = 1,
                         .clock_khz = 1000};
          return cudaSuccess;
        },
    .set_device = [](int /*device*/) { return cudaSuccess; },
    .stream_create =
        [](cudaStream_t* stream) {
          *stream = MakeStream();
          return cudaSuccess;
        },
    .stream_destroy =
        [](cudaStream_t stream) {
          DestroyStream(stream);
          return cudaSuccess;
        },
    .stream_query =
        [](cudaStream_t stream) {
          return IsDone(stream) ? cudaSuccess : cudaErrorNotReady;
        },
    .malloc = cudaMalloc,
    .free = cudaFree,
    .mem_get_info =
        [](size_t* free, size_t* total) {
          *free = FreeDeviceBytes();
          *total = kDeviceBytes;
          return cudaSuccess;
        },
    .host_alloc =
        [](void** memory, size_t bytes) {
          *memory = std::malloc(bytes);
          return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
        },
    .host_free =
        [](void* memory) {
          WaitForAll();
          std::free(memory);
          return cudaSuccess;
        },
    .memcpy_async =
        [](void* to, const void* from, size_t bytes, cudaStream_t stream) {
          return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
        },
    .memset_async = cudaMemsetAsync,
};

}  // namespace

const Runtime& EmulatedRuntime() { return kEmulated; }

}  // namespace penstock::cuda::emulator
