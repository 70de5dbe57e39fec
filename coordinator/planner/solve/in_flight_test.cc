#include "coordinator/planner/solve/in_flight.h"

#include "coordinator/schedule/generators.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(InFlightTest, CountsMicrobatches) {
  const auto schedule = Generate("1f1b", {.ranks = 4, .microbatches = 8});
  ASSERT_TRUE(schedule.ok());
  EXPECT_EQ(InFlightOf(*schedule), (std::vector<int64_t>{4, 3, 2, 1}));
}

// Rank r holds P - 1 - r + Q of Q pieces to a micro-batch.
TEST(InFlightTest, PiecesCountForTheirShare) {
  for (const auto& [pieces, expected] :
       {std::pair<int, std::vector<int64_t>>{2, {3, 2, 2, 1}},
        {4, {2, 2, 2, 1}}}) {
    const auto schedule =
        Generate("seq1f1b", {.ranks = 4, .microbatches = 8, .pieces = pieces});
    ASSERT_TRUE(schedule.ok());
    EXPECT_EQ(InFlightOf(*schedule), expected) << pieces;
  }
}

}  // namespace
}  // namespace penstock
