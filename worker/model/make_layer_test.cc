#include "worker/model/make_layer.h"

#include "gtest/gtest.h"
#include "proto/unit_layout.h"

namespace penstock {
namespace {

// The planner promises this memory before any backend exists, so it must be
// enough whatever the backend does.
TEST(MakeLayerTest, AttentionFitsTheScratchMemoryOfEveryShape) {
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
          const BlockLayout layout =
              LayoutOfBlock(ShapeOfBlock(config), {.tokens = batch * sequence});
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

TEST(MakeLayerTest, MakesALayerForEveryUnit) {
  const auto backend = MakeCpuBackend();
  for (const bool tied : {false, true}) {
    const Gpt2Config gpt2{.layers = 3,
                          .hidden = 8,
                          .heads = 2,
                          .sequence_length = 4,
                          .vocabulary = 16,
                          .tied_embeddings = tied};
    const LlamaConfig llama{.layers = 3,
                            .hidden = 8,
                            .heads = 4,
                            .kv_heads = 2,
                            .head_dim = 6,
                            .intermediate = 5,
                            .sequence_length = 4,
                            .vocabulary = 16,
                            .tied_embeddings = tied};
    for (const Architecture& model :
         {Architecture(gpt2), Architecture(llama)}) {
      for (int64_t unit = 0; unit < UnitCount(model); ++unit) {
        const std::vector<LayerWeight> weights(
            UnitParameters(model, unit).size());
        const auto layer = MakeLayer(model, unit, {.tokens = 8}, *backend,
                                     weights, /*loss_scale=*/1);
        ASSERT_TRUE(layer.ok()) << layer.status();
        EXPECT_NE(*layer, nullptr);
      }
    }
  }
}

}  // namespace
}  // namespace penstock
