#include "coordinator/schedule/legal_value.h"

#include <limits>

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::string Message(int value, const std::function<bool(int)>& legal) {
  return std::string(RequireLegal("x", "y", value, "right", legal).message());
}

TEST(LegalValueTest, NamesTheNearestOnBothSides) {
  const auto triple = [](int value) { return value % 3 == 0; };
  EXPECT_EQ(Message(6, triple), "");
  EXPECT_EQ(Message(7, triple),
            "x: y is 7, but must be right; nearest legal: 6 or 9");
  EXPECT_EQ(Message(2, triple),
            "x: y is 2, but must be right; nearest legal: 3");
  EXPECT_EQ(Message(-7, triple), "x: y is -7, but must be right");
}

TEST(LegalValueTest, GivesUpWhereNothingIsNear) {
  EXPECT_EQ(Message(7, [](int) { return false; }),
            "x: y is 7, but must be right");
  const int most = std::numeric_limits<int>::max();
  EXPECT_EQ(Message(most, [&](int value) { return value == most - 1; }),
            "x: y is 2147483647, but must be right; nearest legal: 2147483646");
}

}  // namespace
}  // namespace penstock
