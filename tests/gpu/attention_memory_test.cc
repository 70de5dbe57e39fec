// What cuDNN says that it needs for our attention graphs is within what plans
// count for it, on devices that are not here. Runs with the toolkit's stub of
// the driver.

#include <string>

#include "gtest/gtest.h"
#include "kernels/cuda/attention_cases.h"
#include "kernels/cuda/attention_graph.h"
#include "proto/cuda_attention.h"

namespace penstock::cuda {
namespace {

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
  const AttentionStrides strides = StridesFor(shape);
  const int64_t delta =
      (shape.batch * shape.heads * shape.sequence * 4 + 255) / 256 * 256;
  return WorkspaceOf(ForwardAttention(shape, strides, nullptr), json) + delta +
         (deterministic ? 0 : delta * shape.head_dim) +
         WorkspaceOf(BackwardAttention(shape, strides, deterministic, nullptr),
                     json);
}

void ExpectEnough(const Architecture& architecture) {
  const std::string json = Json(architecture);
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
  ExpectEnough(kArchitectures[0]);
}
TEST(AttentionMemoryTest, PlansCountEnoughOnHopper) {
  ExpectEnough(kArchitectures[1]);
}
TEST(AttentionMemoryTest, PlansCountEnoughOnBlackwell) {
  ExpectEnough(kArchitectures[2]);
}

}  // namespace
}  // namespace penstock::cuda
