#include "kernels/cuda/runtime.h"

namespace penstock::cuda {
namespace {

cudaError_t ComputeCapability(int device, int* capability) {
  int major = 0;
  int minor = 0;
  cudaError_t error =
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  if (error != cudaSuccess) return error;
  error =
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  *capability = major * 10 + minor;
  return error;
}

// Non-blocking: it does not wait for work of the default stream.
cudaError_t StreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
}

cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes,
                        cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
}

cudaError_t Malloc(void** memory, size_t bytes) {
  const cudaError_t error = cudaMalloc(memory, bytes);
  // Not sticky, but it would be the next launch's.
  if (error == cudaErrorMemoryAllocation) cudaGetLastError();
  return error;
}

}  // namespace

const Runtime& CudaRuntime() {
  static constexpr Runtime kRuntime{
      .driver_get_version = cudaDriverGetVersion,
      .runtime_get_version = cudaRuntimeGetVersion,
      .get_device_count = cudaGetDeviceCount,
      .compute_capability = ComputeCapability,
      .set_device = cudaSetDevice,
      .stream_create = StreamCreate,
      .stream_destroy = cudaStreamDestroy,
      .stream_synchronize = cudaStreamSynchronize,
      .malloc = Malloc,
      .free = cudaFree,
      .mem_get_info = cudaMemGetInfo,
      .memcpy_async = MemcpyAsync,
      .memset_async = cudaMemsetAsync,
  };
  return kRuntime;
}

}  // namespace penstock::cuda
