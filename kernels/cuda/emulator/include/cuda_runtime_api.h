#ifndef KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_RUNTIME_API_H_
#define KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_RUNTIME_API_H_

// The types of CUDA's runtime that kernels and the backend name, for the
// emulator.

struct CUstream_st;
using cudaStream_t = CUstream_st*;
struct CUgraph_st;
using cudaGraph_t = CUgraph_st*;
struct CUgraphExec_st;
using cudaGraphExec_t = CUgraphExec_st*;

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorNotReady = 600,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
};

#endif  // KERNELS_CUDA_EMULATOR_INCLUDE_CUDA_RUNTIME_API_H_
