#include "coordinator/cli/quantity_text.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(QuantityTextTest, BytesHaveThreeDigitsAndABinaryUnit) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1024), "1.00 KiB");
  EXPECT_EQ(BytesText(312 << 20), "312 MiB");
  EXPECT_EQ(BytesText((1 << 20) - 1), "1.00 MiB");
  EXPECT_EQ(BytesText(int64_t{10} << 30), "10.0 GiB");
  EXPECT_EQ(BytesText(std::numeric_limits<int64_t>::max()), "8.00 EiB");
  EXPECT_EQ(BytesText(-1), "?");
}

TEST(QuantityTextTest, DurationsChooseTheirUnits) {
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "0 s");
  EXPECT_EQ(DurationText(absl::Microseconds(7)), "7.00 us");
  EXPECT_EQ(DurationText(absl::Microseconds(12'400)), "12.4 ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(1320)), "1.32 s");
  EXPECT_EQ(DurationText(absl::Milliseconds(59'990)), "1 min 00 s");
  EXPECT_EQ(DurationText(absl::Seconds(125)), "2 min 05 s");
  EXPECT_EQ(DurationText(absl::Minutes(200)), "3 h 20 min");
  EXPECT_EQ(DurationText(absl::Hours(52)), "2 d 04 h");
  EXPECT_EQ(DurationText(-absl::Seconds(1)), "?");
  EXPECT_EQ(DurationText(absl::InfiniteDuration()), "?");
}

TEST(QuantityTextTest, CountsAreShortened) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(950), "950");
  EXPECT_EQ(CountText(33'140), "33.1k");
  EXPECT_EQ(CountText(1.2e6), "1.20M");
  EXPECT_EQ(CountText(999'600), "1.00M");
  EXPECT_EQ(CountText(std::nan("")), "?");
}

TEST(QuantityTextTest, PercentOfAFraction) {
  EXPECT_EQ(PercentText(0.1111), "11.1 %");
  EXPECT_EQ(PercentText(std::nan("")), "?");
}

}  // namespace
}  // namespace penstock
