#include "coordinator/schedule/schedule_catalog.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::string Refusal(std::string_view name, const ScheduleRequest& request) {
  return std::string(CheckFields(*FindSchedule(name), request).message());
}

TEST(ScheduleCatalogTest, EverySchedulesInfoIsWhole) {
  for (const ScheduleInfo& info : ScheduleCatalog()) {
    EXPECT_EQ(FindSchedule(info.name), &info);
    EXPECT_FALSE(info.description.empty() || info.shapes.empty() ||
                 info.placement.empty());
    EXPECT_LE(info.description.size(), 60);
  }
  EXPECT_EQ(FindSchedule("2f2b"), nullptr);
}

TEST(ScheduleCatalogTest, RefusesFieldsThatAScheduleDoesNotKnow) {
  EXPECT_EQ(Refusal("1f1b", {.ranks = 4, .microbatches = 8, .slack = 2}),
            "1f1b: slack is 2, but only 1f1b-slack can have it");
  EXPECT_EQ(Refusal("zbv", {.ranks = 4, .microbatches = 8, .group_size = 4}),
            "zbv: group_size is 4, but only interleaved-1f1b, interleaved-zb "
            "can have it");
  EXPECT_EQ(
      Refusal("seq1f1b", {.ranks = 4, .microbatches = 8, .vertical_sync = 1}),
      "seq1f1b: vertical_sync is 1, but only pipedream can have it");
  EXPECT_EQ(Refusal("seq1f1b", {.ranks = 4, .microbatches = 8, .pieces = -2}),
            "seq1f1b: pieces is -2, nearest legal: 0");
}

TEST(ScheduleCatalogTest, KnowsHowManyStagesARankHas) {
  EXPECT_EQ(Refusal("zbv", {4, 8, 2}), "");
  EXPECT_EQ(Refusal("zbv", {4, 8, 3}),
            "zbv: stages_per_rank is 3, but it has 2");
  EXPECT_EQ(Refusal("1f1b", {4, 8, 1}), "");
  EXPECT_EQ(Refusal("looped-bfs", {4, 8, 7}), "");
  EXPECT_EQ(Refusal("looped-bfs", {4, 8, -1}),
            "looped-bfs: stages_per_rank is -1, nearest legal: 1");
}

}  // namespace
}  // namespace penstock
