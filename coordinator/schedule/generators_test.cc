#include "coordinator/schedule/generators.h"

#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

std::string Golden(const std::string& name) {
  return ReadFile("tests/golden/schedules/" + name).value();
}

TEST(GeneratorsTest, ListsEqualTheReference) {
  for (const auto& [name, microbatches] :
       {std::pair<const char*, int>{"naive", 8},
        {"gpipe", 8},
        {"1f1b", 8},
        {"1f1b", 2}}) {
    const auto schedule =
        Generate(name, {.ranks = 4, .microbatches = microbatches});
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    EXPECT_EQ(ToString(*schedule),
              Golden(std::string(name) + "_4x" + std::to_string(microbatches) +
                     ".txt"));
  }
}

TEST(GeneratorsTest, OneStageIsGradientAccumulation) {
  for (const char* name : {"naive", "1f1b"}) {
    const auto schedule = Generate(name, {.ranks = 1, .microbatches = 2});
    ASSERT_TRUE(schedule.ok());
    EXPECT_EQ(ToString(*schedule), "0F0 0B0 0F1 0B1\n");
  }
}

TEST(GeneratorsTest, RefusesUnknownNamesAndEmptyShapes) {
  EXPECT_EQ(
      std::string(
          Generate("gpip", {.ranks = 1, .microbatches = 1}).status().message()),
      "no schedule is called \"gpip\"; there are naive, gpipe, 1f1b; did you "
      "mean gpipe?");
  EXPECT_EQ(
      std::string(
          Generate("1f1b", {.ranks = 0, .microbatches = 3}).status().message()),
      "a schedule needs at least one rank and one micro-batch, not 0 "
      "and 3");
}

}  // namespace
}  // namespace penstock
