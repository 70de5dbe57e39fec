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

cudaError_t GetProperties(int device, DeviceProperties* properties) {
  cudaDeviceProp all;
  cudaError_t error = cudaGetDeviceProperties(&all, device);
  if (error != cudaSuccess) return error;
  properties->name = all.name;
  properties->memory_bytes = all.totalGlobalMem;
  properties->multiprocessors = all.multiProcessorCount;
  return cudaDeviceGetAttribute(&properties->clock_khz, cudaDevAttrClockRate,
                                device);
}

// Non-blocking: it does not wait for work of the default stream.
cudaError_t StreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
}

// Errors that cost nothing would else be the next launch's; others stay.
cudaError_t WithoutTrace(cudaError_t error) {
  if (error != cudaSuccess) cudaGetLastError();
  return error;
}

cudaError_t StreamQuery(cudaStream_t stream) {
  return WithoutTrace(cudaStreamQuery(stream));
}

cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes,
                        cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
}

cudaError_t Malloc(void** memory, size_t bytes) {
  return WithoutTrace(cudaMalloc(memory, bytes));
}

cudaError_t HostAlloc(void** memory, size_t bytes) {
  return WithoutTrace(cudaHostAlloc(memory, bytes, cudaHostAllocDefault));
}

// Thread-local: what other threads allocate meanwhile is none of its business,
// and what this one allocates spoils the capture.
cudaError_t BeginCapture(cudaStream_t stream) {
  return WithoutTrace(
      cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
}

cudaError_t EndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return WithoutTrace(cudaStreamEndCapture(stream, graph));
}

cudaError_t Instantiate(cudaGraphExec_t* executable, cudaGraph_t graph) {
  return WithoutTrace(cudaGraphInstantiate(executable, graph, /*flags=*/0));
}

cudaError_t LaunchGraph(cudaGraphExec_t executable, cudaStream_t stream) {
  return WithoutTrace(cudaGraphLaunch(executable, stream));
}

}  // namespace

const Runtime& CudaRuntime() {
  static constexpr Runtime kRuntime{
      .driver_get_version = cudaDriverGetVersion,
      .runtime_get_version = cudaRuntimeGetVersion,
      .get_device_count = cudaGetDeviceCount,
      .compute_capability = ComputeCapability,
      .get_properties = GetProperties,
      .set_device = cudaSetDevice,
      .stream_create = StreamCreate,
      .stream_destroy = cudaStreamDestroy,
      .stream_query = StreamQuery,
      .malloc = Malloc,
      .free = cudaFree,
      .mem_get_info = cudaMemGetInfo,
      .host_alloc = HostAlloc,
      .host_free = cudaFreeHost,
      .memcpy_async = MemcpyAsync,
      .memset_async = cudaMemsetAsync,
      .begin_capture = BeginCapture,
      .end_capture = EndCapture,
      .graph_destroy = cudaGraphDestroy,
      .graph_instantiate = Instantiate,
      .graph_launch = LaunchGraph,
      .graph_exec_destroy = cudaGraphExecDestroy,
  };
  return kRuntime;
}

}  // namespace penstock::cuda
