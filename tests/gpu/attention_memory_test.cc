// What cuDNN says that it needs for our attention graphs is within what plans
// count for it, on devices that are not here. Runs with the toolkit's stub of
// the driver.

#include <fmt/format.h>

#include <string>

#include "gtest/gtest.h"
#include "kernels/cuda/attention_graph.h"
#include "proto/cuda_attention.h"

namespace penstock::cuda {
namespace {

// GPT-2 small and XL, eight blocks of Llama 8B, odd lengths, shared heads and
// pieces of sequences.
constexpr AttentionShape kShapes[] = {
    {16, 1024, 12, 64},       {8, 1024, 25, 64},  {64, 1024, 12, 64},
    {2, 4096, 32, 128, 0, 8}, {2, 333, 4, 96},    {2, 512, 12, 64, 512},
    {2, 100, 8, 64, 37, 2},   {1, 2048, 16, 128}, {1, 16, 2, 8}};

std::string Json(int version, int processors, int64_t shared_bytes) {
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
      version, processors, shared_bytes);
}

// Of the best engine, which is the one that the backend takes.
int64_t WorkspaceOf(const absl::StatusOr<CudnnDescriptor>& graph,
                    const std::string& json) {
  const auto properties = DeviceProperties(json);
  EXPECT_TRUE(graph.ok() && properties.ok());
  if (!graph.ok() || !properties.ok()) return 0;
  const auto engines = FindEngines(*graph, *properties);
  EXPECT_TRUE(engines.ok() && !engines->empty());
  if (!engines.ok() || engines->empty()) return 0;
  return engines->front().workspace_bytes;
}

// Kept by CudnnAttention, for one forward and one backward pass.
int64_t Kept(const AttentionShape& shape, bool deterministic,
             const std::string& json) {
  const int64_t width = shape.heads * shape.head_dim;
  const int64_t packed = width + 2 * shape.groups() * shape.head_dim;
  const AttentionStrides strides{.q = packed,
                                 .k = packed,
                                 .v = packed,
                                 .out = width,
                                 .dout = width,
                                 .dq = packed,
                                 .dk = packed,
                                 .dv = packed};
  const int64_t delta =
      (shape.batch * shape.heads * shape.sequence * 4 + 255) / 256 * 256;
  return WorkspaceOf(ForwardAttention(shape, strides, nullptr), json) + delta +
         (deterministic ? 0 : delta * shape.head_dim) +
         WorkspaceOf(BackwardAttention(shape, strides, deterministic, nullptr),
                     json);
}

void ExpectEnough(const std::string& json) {
  for (const AttentionShape& shape : kShapes) {
    for (const bool deterministic : {true, false}) {
      const int64_t kept = Kept(shape, deterministic, json);
      const int64_t counted =
          CudaAttentionBytes({.batch = shape.batch,
                              .sequence = shape.sequence,
                              .keys = shape.keys(),
                              .heads = shape.heads,
                              .kv_heads = shape.groups(),
                              .head_dim = shape.head_dim,
                              .deterministic = deterministic});
      EXPECT_LE(kept, counted)
          << shape.batch << " x " << shape.sequence << " x " << shape.heads
          << " x " << shape.head_dim << ", deterministic " << deterministic;
    }
  }
}

TEST(AttentionMemoryTest, PlansCountEnoughOnAmpere) {
  ExpectEnough(Json(800, 108, 166912));
}
TEST(AttentionMemoryTest, PlansCountEnoughOnHopper) {
  ExpectEnough(Json(900, 132, 232448));
}
TEST(AttentionMemoryTest, PlansCountEnoughOnBlackwell) {
  ExpectEnough(Json(1000, 148, 232448));
}

}  // namespace
}  // namespace penstock::cuda
