#ifndef KERNELS_CUDA_RUNTIME_H_
#define KERNELS_CUDA_RUNTIME_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

namespace penstock::cuda {

// Of cudaDeviceProp and the attributes.
struct DeviceProperties {
  std::string name;
  size_t memory_bytes = 0;
  int multiprocessors = 0;
  int clock_khz = 0;
};

// What penstock calls of the CUDA runtime besides launches: a table, so that
// tests can put failures and the emulator host memory in its place. Each has
// the contract of the CUDA function after which it is called.
struct Runtime {
  cudaError_t (*driver_get_version)(int* version);
  cudaError_t (*runtime_get_version)(int* version);
  // These three create no context.
  cudaError_t (*get_device_count)(int* count);
  // major * 10 + minor, as in sm_90.
  cudaError_t (*compute_capability)(int device, int* capability);
  cudaError_t (*get_properties)(int device, DeviceProperties* properties);
  cudaError_t (*set_device)(int device);
  cudaError_t (*stream_create)(cudaStream_t* stream);
  cudaError_t (*stream_destroy)(cudaStream_t stream);
  // cudaErrorNotReady, which is not kept as the last error, while it works.
  cudaError_t (*stream_query)(cudaStream_t stream);
  cudaError_t (*malloc)(void** memory, size_t bytes);
  cudaError_t (*free)(void* memory);
  cudaError_t (*mem_get_info)(size_t* free, size_t* total);
  cudaError_t (*host_alloc)(void** memory, size_t bytes);
  cudaError_t (*host_free)(void* memory);
  cudaError_t (*memcpy_async)(void* to, const void* from, size_t bytes,
                              cudaStream_t stream);
  cudaError_t (*memset_async)(void* memory, int value, size_t bytes,
                              cudaStream_t stream);
  // For the calling thread's calls alone.
  cudaError_t (*begin_capture)(cudaStream_t stream);
  cudaError_t (*end_capture)(cudaStream_t stream, cudaGraph_t* graph);
  cudaError_t (*graph_destroy)(cudaGraph_t graph);
  cudaError_t (*graph_instantiate)(cudaGraphExec_t* executable,
                                   cudaGraph_t graph);
  cudaError_t (*graph_launch)(cudaGraphExec_t executable, cudaStream_t stream);
  cudaError_t (*graph_exec_destroy)(cudaGraphExec_t executable);
};

// The installed library's.
const Runtime& CudaRuntime();

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_RUNTIME_H_
