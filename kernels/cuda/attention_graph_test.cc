// cuDNN's engines take our attention graphs on devices that are not here, which
// it knows by their properties. Runs with the toolkit's stub of the driver,
// without which cuDNN answers that there are none.

#include "kernels/cuda/attention_graph.h"

#include <fmt/format.h>

#include <string>

#include "gtest/gtest.h"

namespace penstock::cuda {
namespace {

struct Architecture {
  int capability;  // major * 100 + minor * 10
  int processors;
  int64_t shared_bytes;  // That a block may ask for.
};

constexpr Architecture kArchitectures[] = {
    {.capability = 800, .processors = 108, .shared_bytes = 166912},
    {.capability = 900, .processors = 132, .shared_bytes = 232448},
    {.capability = 1000, .processors = 148, .shared_bytes = 232448}};

// Training shapes of GPT-2 and Llama, odd lengths, narrow heads, pieces of
// sequences.
constexpr AttentionShape kShapes[] = {
    {16, 1024, 12, 64},     {8, 1024, 25, 64},     {2, 4096, 32, 128, 0, 8},
    {2, 333, 4, 96},        {1, 16, 2, 8},         {2, 512, 12, 64, 512},
    {2, 100, 8, 64, 37, 2}, {1, 2048, 16, 128, 0}, {64, 1024, 12, 64}};

std::string Json(const Architecture& architecture) {
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
AttentionStrides StridesFor(const AttentionShape& shape) {
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

// How many engines take `graph` on `architecture`.
size_t CountEngines(const absl::StatusOr<CudnnDescriptor>& graph,
                    const Architecture& architecture) {
  EXPECT_TRUE(graph.ok()) << graph.status();
  const auto properties = DeviceProperties(Json(architecture));
  EXPECT_TRUE(properties.ok()) << properties.status();
  if (!graph.ok() || !properties.ok()) return 0;
  const auto engines = FindEngines(*graph, *properties);
  EXPECT_TRUE(engines.ok()) << engines.status();
  if (!engines.ok()) return 0;
  for (const CudnnEngine& engine : *engines) {
    EXPECT_LE(engine.shared_bytes, architecture.shared_bytes);
  }
  return engines->size();
}

TEST(AttentionGraphTest, EnginesTakeEveryFormOnEveryArchitecture) {
  for (const Architecture& architecture : kArchitectures) {
    for (const AttentionShape& shape : kShapes) {
      SCOPED_TRACE(testing::Message()
                   << "sm " << architecture.capability << ": " << shape.batch
                   << " x " << shape.sequence << " x " << shape.heads << " x "
                   << shape.head_dim << " after " << shape.before << ", "
                   << shape.groups() << " groups");
      const AttentionStrides strides = StridesFor(shape);
      EXPECT_GT(
          CountEngines(ForwardAttention(shape, strides, nullptr), architecture),
          0u);
      for (const bool deterministic : {false, true}) {
        EXPECT_GT(CountEngines(
                      BackwardAttention(shape, strides, deterministic, nullptr),
                      architecture),
                  0u)
            << "deterministic " << deterministic;
      }
    }
  }
}

// Then the backend has kernels of its own.
TEST(AttentionGraphTest, NoEngineTakesHeadsOfOddWidth) {
  const AttentionShape shape{2, 100, 8, 12};
  EXPECT_EQ(CountEngines(ForwardAttention(shape, StridesFor(shape), nullptr),
                         kArchitectures[1]),
            0u);
}

}  // namespace
}  // namespace penstock::cuda
