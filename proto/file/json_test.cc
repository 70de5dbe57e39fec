#include "proto/file/json.h"

#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::string Complaint(const std::string& text) {
  const absl::Status status = ParseJson(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(JsonTest, SaysWhatIsWrong) {
  EXPECT_EQ(Complaint("{\"a\": 1"), "not JSON at byte 8");
  EXPECT_EQ(Complaint(""), "not JSON at byte 1");
  EXPECT_EQ(Complaint("{\"a\": 1e999}"), "not JSON at byte 11");
  EXPECT_EQ(Complaint("{\"\xff\": 1}"), "not JSON at byte 3");
  EXPECT_EQ(Complaint("{\"a\": {\"b\": 1}, \"a\": 2}"), "key \"a\" twice");
}

TEST(JsonTest, BoundsTheDepth) {
  const auto nested = [](int depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseJson(nested(kJsonDepthMax)).ok());
  EXPECT_EQ(Complaint(nested(kJsonDepthMax + 1)), "JSON nested deeper than 32");
  EXPECT_EQ(Complaint(std::string(1 << 20, '[')), "JSON nested deeper than 32");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_EQ(Complaint(objects), "JSON nested deeper than 32");
}

TEST(JsonTest, ReadsFieldsOfTheRightTypeOnly) {
  const auto object =
      ParseJson(R"({"i": -3, "big": 18446744073709551615, "s": "x", "b": true,)"
                R"( "f": 1.5, "a": [1], "o": {}})");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(JsonInteger(*object, "i").value(), -3);
  EXPECT_EQ(JsonUnsigned(*object, "big").value(), UINT64_MAX);
  EXPECT_FALSE(JsonUnsigned(*object, "i").ok());
  EXPECT_EQ(JsonString(*object, "s").value(), "x");
  EXPECT_TRUE(JsonBool(*object, "b").value());
  EXPECT_EQ((*JsonArray(*object, "a"))->size(), 1);
  EXPECT_TRUE((*JsonObject(*object, "o"))->empty());
  EXPECT_EQ(JsonInteger(*object, "big").status().message(),
            "field \"big\" is not an integer of 64 bits");
  EXPECT_EQ(JsonInteger(*object, "f").status().message(),
            "field \"f\" is not an integer of 64 bits");
  EXPECT_EQ(JsonString(*object, "i").status().message(),
            "field \"i\" is not a string");
  EXPECT_EQ(JsonBool(*object, "none").status().message(),
            "field \"none\" missing");
  EXPECT_FALSE(JsonArray(*object, "o").ok());
  EXPECT_FALSE(JsonObject(*object, "a").ok());
  EXPECT_FALSE(JsonInteger(**JsonArray(*object, "a"), "i").ok());
}

TEST(JsonTest, QuotesWhatDoesNotPrint) {
  EXPECT_EQ(Quoted("a\nb"), "\"a\\x0ab\"");
  EXPECT_EQ(Quoted(std::string(81, 'x')),
            "\"" + std::string(80, 'x') + "...\"");
}

}  // namespace
}  // namespace penstock
