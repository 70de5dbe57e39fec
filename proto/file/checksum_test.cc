#include "proto/file/checksum.h"

#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

// The first is the known value of no bytes (xxHash's specification, seed 0).
TEST(ChecksumTest, MatchesTheReference) {
  EXPECT_EQ(ChecksumOf({}), "99aa06d3014798d86001c324468d497f");
}

TEST(ChecksumTest, DoesNotDependOnHowTheBytesArrive) {
  const std::string text(1000, 'a');
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  Checksum checksum;
  checksum.Update(bytes.first(1));
  checksum.Update(bytes.subspan(1, 600));
  checksum.Update(bytes.subspan(601));
  EXPECT_EQ(checksum.Hex(), ChecksumOf(bytes));
  EXPECT_NE(checksum.Hex(), ChecksumOf(bytes.first(999)));
}

}  // namespace
}  // namespace penstock
