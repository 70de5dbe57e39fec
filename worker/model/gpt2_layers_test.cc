#include "worker/model/gpt2_layers.h"

#include "gtest/gtest.h"
#include "proto/gpt2_layout.h"

namespace penstock {
namespace {

// The planner promises this memory before any backend exists, so it must be
// enough whatever the backend does.
TEST(Gpt2LayersTest, AttentionFitsTheScratchMemoryOfEveryShape) {
  for (const int64_t batch : {1, 2, 3, 8, 64}) {
    for (const int64_t sequence : {1, 5, 64, 257, 1024, 8192}) {
      for (const int64_t heads : {1, 2, 12, 96}) {
        for (const int64_t head_dim : {1, 3, 32, 64, 128, 256}) {
          SCOPED_TRACE(testing::Message() << batch << " x " << sequence << ", "
                                          << heads << " x " << head_dim);
          const Gpt2Config config{.layers = 1,
                                  .hidden = heads * head_dim,
                                  .heads = heads,
                                  .sequence_length = sequence,
                                  .vocabulary = 2};
          const BlockLayout layout = LayoutOfBlock(config, batch * sequence);
          ASSERT_LE(AttentionScratchBytes({.batch = batch,
                                           .sequence = sequence,
                                           .heads = heads,
                                           .head_dim = head_dim}),
                    layout.attention_scratch_bytes);
        }
      }
    }
  }
}

TEST(Gpt2LayersTest, MakesALayerForEveryUnit) {
  const auto backend = MakeCpuBackend();
  for (const bool tied : {false, true}) {
    const Gpt2Config config{.layers = 3,
                            .hidden = 8,
                            .heads = 2,
                            .sequence_length = 4,
                            .vocabulary = 16,
                            .tied_embeddings = tied};
    for (int64_t unit = 0; unit < UnitCount(config); ++unit) {
      const std::vector<LayerWeight> weights(
          UnitParameters(config, unit).size());
      const auto layer = MakeGpt2Layer(config, unit, /*batch=*/2, *backend,
                                       weights, /*loss_scale=*/1);
      ASSERT_TRUE(layer.ok()) << layer.status();
      EXPECT_NE(*layer, nullptr);
    }
  }
}

}  // namespace
}  // namespace penstock
