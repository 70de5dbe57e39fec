#include "proto/unit_layout.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr BlockShape kBlock{.hidden = 4,
                            .heads = 2,
                            .kv_heads = 2,
                            .head_dim = 2,
                            .mlp = 16,
                            .centered_norm = true,
                            .sequence_length = 3};
constexpr HeadShape kHead{.hidden = 4, .vocabulary = 5, .centered_norm = true};

TEST(UnitLayoutTest, RegionsAreAlignedAndDoNotOverlapAtOddSizes) {
  for (int64_t n = 1; n <= 40; ++n) {
    SCOPED_TRACE(n);
    const BlockLayout block = LayoutOfBlock(kBlock, {.tokens = n});
    const std::vector<std::pair<int64_t, int64_t>> saved = {
        {block.mean1, n},         {block.rstd1, n},   {block.qkv, 12 * n},
        {block.attention, 4 * n}, {block.lse, 2 * n}, {block.middle, 4 * n},
        {block.mean2, n},         {block.rstd2, n},   {block.mlp_in, 16 * n},
        {block.saved_bytes, 0}};
    for (size_t i = 0; i + 1 < saved.size(); ++i) {
      EXPECT_EQ(saved[i].first % 64, 0);
      EXPECT_GE(saved[i + 1].first, saved[i].first + saved[i].second * 4);
    }
    const HeadLayout head = LayoutOfHead(kHead, {.tokens = n});
    EXPECT_EQ(head.block_rows, n);
    EXPECT_GE(head.norm, head.logits + 4 * 5 * n);
    EXPECT_GE(head.scratch_bytes, head.norm + 4 * 4 * n);
    EXPECT_GE(head.rstd, head.mean + 4 * n);
    EXPECT_GE(head.d_norm, head.rstd + 4 * n);
    EXPECT_GE(head.deferred_bytes, head.d_norm + 4 * 4 * n);
  }
}

TEST(UnitLayoutTest, GpusTakeLargeBlocksOfLogitsOfLikeSizes) {
  for (const int64_t vocabulary : {256, 32000, 50304, 128256}) {
    for (const int64_t tokens : {8, 100, 8192, 32768, 100000}) {
      SCOPED_TRACE(fmt::format("{} of {}", tokens, vocabulary));
      const HeadLayout layout =
          LayoutOfHead({.hidden = 768, .vocabulary = vocabulary},
                       {.tokens = tokens, .on_gpu = true});
      const int64_t rows = layout.block_rows;
      const int64_t blocks = (tokens + rows - 1) / rows;
      EXPECT_GE(rows, std::min<int64_t>(tokens, 1024));
      EXPECT_LE(rows, std::max<int64_t>(1024, (1 << 28) / vocabulary) + 127);
      // The last one may have less by what whole tiles round up.
      EXPECT_GE(tokens - (blocks - 1) * rows, rows - 128 * blocks);
    }
  }
}

}  // namespace
}  // namespace penstock
