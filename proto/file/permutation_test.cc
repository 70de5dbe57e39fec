#include "proto/file/permutation.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(PermutationTest, IsABijectionOfEverySmallRange) {
  for (uint64_t size = 1; size <= 300; ++size) {
    for (uint64_t seed : {0, 1, 77}) {
      SCOPED_TRACE(testing::Message() << size << " seed " << seed);
      std::vector<bool> seen(size, false);
      for (uint64_t i = 0; i < size; ++i) {
        const uint64_t image = Permute(i, size, seed);
        ASSERT_LT(image, size);
        ASSERT_FALSE(seen[image]);
        seen[image] = true;
      }
    }
  }
}

TEST(PermutationTest, StaysInHugeRanges) {
  const uint64_t size = (uint64_t{1} << 62) - 1;
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_LT(Permute(size - 1 - i, size, 5), size);
  }
}

// Each cell of a 16 x 16 table of (index / 64, image / 64) expects 64 * 64 /
// 1024 = 4 hits per seed; over 64 seeds 256 with a deviation below 16, so 96 is
// six deviations.
TEST(PermutationTest, SpreadsEveryPartOverEveryPart) {
  std::vector<int> hits(256, 0);
  for (uint64_t seed = 0; seed < 64; ++seed) {
    for (uint64_t i = 0; i < 1024; ++i) {
      ++hits[(i / 64) * 16 + Permute(i, 1024, seed) / 64];
    }
  }
  for (const int hit : hits) EXPECT_LT(std::abs(hit - 256), 96);
}

// Written down so that a job continues with the data that it began with, on
// another machine and after an upgrade.
TEST(PermutationTest, MatchesGolden) {
  std::vector<uint64_t> images;
  for (uint64_t i = 0; i < 10; ++i) images.push_back(Permute(i, 10, 1234));
  EXPECT_EQ(images, (std::vector<uint64_t>{7, 1, 4, 8, 5, 2, 0, 6, 3, 9}));
}

}  // namespace
}  // namespace penstock
