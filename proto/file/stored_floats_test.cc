#include "proto/file/stored_floats.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::vector<float> Widened(const std::vector<uint16_t>& halves,
                           FloatType type) {
  std::vector<float> values(halves.size());
  StoredFloats{std::as_bytes(std::span(halves)), type}.Widen(values);
  return values;
}

TEST(StoredFloatsTest, KnowsTheTypesThatItReads) {
  EXPECT_EQ(FloatTypeNamed("F32"), FloatType::kF32);
  EXPECT_EQ(FloatTypeNamed("F16"), FloatType::kF16);
  EXPECT_EQ(FloatTypeNamed("BF16"), FloatType::kBf16);
  EXPECT_EQ(FloatTypeNamed("F64"), std::nullopt);
  EXPECT_EQ(FloatTypeNamed("I16"), std::nullopt);
}

// By the definition of binary16, in double.
TEST(StoredFloatsTest, WidensEveryF16) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = (bits >> 10) & 0x1f;
    const int mantissa = bits & 0x3ff;
    const double sign = bits & 0x8000 ? -1 : 1;
    const float value =
        Widened({static_cast<uint16_t>(bits)}, FloatType::kF16)[0];
    ASSERT_EQ(std::signbit(value), sign < 0) << bits;
    if (exponent == 31) {
      ASSERT_EQ(std::isnan(value), mantissa != 0) << bits;
      ASSERT_EQ(std::isinf(value), mantissa == 0) << bits;
      continue;
    }
    const double magnitude = exponent == 0
                                 ? std::ldexp(mantissa, -24)
                                 : std::ldexp(1024 + mantissa, exponent - 25);
    ASSERT_EQ(double{value}, sign * magnitude) << bits;
  }
}

TEST(StoredFloatsTest, ABf16IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(Widened({0x3f80, 0xc2f7, 0x0001, 0x7f80}, FloatType::kBf16),
            (std::vector<float>{1, -123.5f, std::bit_cast<float>(0x10000u),
                                std::numeric_limits<float>::infinity()}));
}

TEST(StoredFloatsTest, F32StaysAsItIsEvenUnaligned) {
  const std::vector<float> values = {1.5f, -0.0f, 3e38f};
  std::vector<std::byte> bytes(1);
  for (const std::byte byte : std::as_bytes(std::span(values))) {
    bytes.push_back(byte);
  }
  const StoredFloats stored{std::span<const std::byte>(bytes).subspan(1)};
  ASSERT_EQ(stored.count(), 3u);
  std::vector<float> out(3);
  stored.Widen(out);
  EXPECT_EQ(out, values);
  EXPECT_EQ(stored.First(2).count(), 2u);
}

}  // namespace
}  // namespace penstock
