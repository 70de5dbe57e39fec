// cuDNN's engines take our attention graphs on devices that are not here, which
// it knows by their properties. Runs with the toolkit's stub of the driver,
// without which cuDNN answers that there are none.

#include "kernels/cuda/attention_graph.h"

#include "gtest/gtest.h"
#include "kernels/cuda/attention_cases.h"

namespace penstock::cuda {
namespace {

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
