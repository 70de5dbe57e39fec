#include "proto/file/samples.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

// Token i of the file is i.
TokenFile Counting(int count) {
  std::vector<uint16_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), uint16_t{0});
  const std::string path = testing::TempDir() + "/counting.bin";
  EXPECT_TRUE(
      WriteFileAtomically(
          path, std::string_view(reinterpret_cast<const char*>(tokens.data()),
                                 tokens.size() * 2))
          .ok());
  auto file = TokenFile::Open(path, "auto", 65536);
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

Samples Make(int count, int64_t length, bool shuffled = false,
             uint64_t seed = 0) {
  auto samples = Samples::Create(
      Counting(count),
      {.sequence_length = length, .shuffled = shuffled, .seed = seed});
  EXPECT_TRUE(samples.ok()) << samples.status();
  return *std::move(samples);
}

TEST(SamplesTest, LabelsAreTheTokensOneLater) {
  const Samples samples = Make(13, 4);
  ASSERT_EQ(samples.count(), 3);
  std::vector<int32_t> tokens(4);
  std::vector<int32_t> labels(4);
  for (int64_t k = 0; k < 7; ++k) {
    samples.Read(k, tokens, labels);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(tokens[i], (k % 3) * 4 + i);
      EXPECT_EQ(labels[i], tokens[i] + 1);
    }
  }
}

TEST(SamplesTest, NeedsOneTokenMoreThanASample) {
  EXPECT_EQ(Make(9, 4).count(), 2);
  EXPECT_EQ(Make(8, 4).count(), 1);
  EXPECT_EQ(Make(5, 4).count(), 1);
  const absl::Status status =
      Samples::Create(Counting(4), {.sequence_length = 4}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "4 tokens are not one sample of sequence length 4, which takes 5; "
            "use a longer text or a shorter sequence");
}

TEST(SamplesTest, EveryShuffledEpochHasEverySampleOnce) {
  const Samples samples = Make(1001, 10, /*shuffled=*/true, /*seed=*/7);
  std::vector<int64_t> before;
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    std::vector<int64_t> places;
    for (int64_t i = 0; i < samples.count(); ++i) {
      places.push_back(samples.PlaceOf(epoch * samples.count() + i));
    }
    EXPECT_NE(places, before);
    before = places;
    std::sort(places.begin(), places.end());
    for (int64_t i = 0; i < samples.count(); ++i) ASSERT_EQ(places[i], i);
  }
}

TEST(SamplesTest, OrderDependsOnTheSeedAndNothingElse) {
  const Samples a = Make(1001, 10, true, 7);
  const Samples same = Make(1001, 10, true, 7);
  const Samples other = Make(1001, 10, true, 8);
  int64_t equal = 0;
  for (int64_t k = 0; k < 300; ++k) {
    EXPECT_EQ(a.PlaceOf(k), same.PlaceOf(k));
    equal += a.PlaceOf(k) == other.PlaceOf(k);
  }
  // Of 300 pairs 3 meet by chance.
  EXPECT_LT(equal, 15);
}

}  // namespace
}  // namespace penstock
