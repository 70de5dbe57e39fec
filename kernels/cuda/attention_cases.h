#ifndef KERNELS_CUDA_ATTENTION_CASES_H_
#define KERNELS_CUDA_ATTENTION_CASES_H_

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "kernels/attention_shape.h"
#include "kernels/cuda/attention_graph.h"

// Attention as models have it, and devices as there are, for what cuDNN says of
// our graphs without one.

namespace penstock::cuda {

// A device that is not here, as cuDNN knows devices.
struct Architecture {
  int capability;  // major * 100 + minor * 10
  int processors;
  int64_t shared_bytes;  // That a block may ask for.
};

inline constexpr Architecture kArchitectures[] = {
    {.capability = 800, .processors = 108, .shared_bytes = 166912},
    {.capability = 900, .processors = 132, .shared_bytes = 232448},
    {.capability = 1000, .processors = 148, .shared_bytes = 232448}};

// Training shapes of GPT-2 and Llama, odd lengths, narrow heads, pieces of
// sequences.
inline constexpr AttentionShape kShapes[] = {
    {16, 1024, 12, 64},     {8, 1024, 25, 64},     {2, 4096, 32, 128, 0, 8},
    {2, 333, 4, 96},        {1, 16, 2, 8},         {2, 512, 12, 64, 512},
    {2, 100, 8, 64, 37, 2}, {1, 2048, 16, 128, 0}, {64, 1024, 12, 64}};

// For DeviceProperties.
inline std::string Json(const Architecture& architecture) {
  return fmt::format(
      R"({{"deviceName":"device","cudaDeviceId":0,"deviceVer":{},)"
      R"("driverVer":13000,"multiProcessorCount":{},"warpSize":32,)"
      R"("maxGridSize":[2147483647,65535,65535],)"
      R"("maxBlockSize":[1024,1024,64],)"
      R"("regsPerBlock":65536,"maxSharedMemoryPerBlock":49152,)"
      R"("maxSharedMemoryPerBlockOptin":{},)"
      R"("reservedSharedMemoryPerBlock":1024,)"
      R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,)"
      R"("maxThreadsPerBlock":1024,)"
      R"("maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,)"
      R"("supportCoopLaunch":1,"smClockRateKHz":1410000,)"
      R"("memClockRateKHz":1593000,"l2CacheSize":41943040,)"
      R"("totalGlobalMem":80000000000}})",
      architecture.capability, architecture.processors,
      architecture.shared_bytes);
}

// q, k and v side by side in one tensor.
inline AttentionStrides StridesFor(const AttentionShape& shape) {
  const int64_t width = shape.heads * shape.head_dim;
  const int64_t packed = width + 2 * shape.groups() * shape.head_dim;
  return {.q = packed,
          .k = packed,
          .v = packed,
          .out = width,
          .dout = width,
          .dq = packed,
          .dk = packed,
          .dv = packed};
}

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ATTENTION_CASES_H_
