#include "proto/base/nearest_name.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(NearestNameTest, FindsTheFewestEdits) {
  EXPECT_EQ(NearestName("heds", {"layers", "heads", "hidden"}), "heads");
  EXPECT_EQ(NearestName("layer", {"layers", "heads"}), "layers");
  EXPECT_EQ(NearestName("1f1v", {"naive", "gpipe", "1f1b"}), "1f1b");
}

TEST(NearestNameTest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(NearestName("zzzz", {"layers", "heads"}), "");
  EXPECT_EQ(NearestName("heads", {}), "");
}

}  // namespace
}  // namespace penstock
