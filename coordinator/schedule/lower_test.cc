#include "coordinator/schedule/lower.h"

#include <algorithm>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/verify.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

Schedule Lowered(const std::string& name, const ScheduleRequest& shape,
                 const LowerOptions& options = {}) {
  const auto lowered = Lower(Generate(name, shape).value(), options);
  EXPECT_TRUE(lowered.ok()) << lowered.status();
  return lowered.value();
}

TEST(LowerTest, PostsReceivesEarlyAndSendsAtOnce) {
  EXPECT_EQ(ToString(Lowered("1f1b", {.ranks = 2, .microbatches = 3})),
            "0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0B0 0RECV_B1 0F2 0SEND_F2 0B1 "
            "0RECV_B2 0B2 OPTIMIZER\n"
            "1RECV_F0 1RECV_F1 1F0 1B0 1SEND_B0 1F1 1RECV_F2 1B1 1SEND_B1 1F2 "
            "1B2 1SEND_B2 OPTIMIZER\n");
}

TEST(LowerTest, ReducesEachStageAfterItsLastBackward) {
  EXPECT_EQ(ToString(Lowered("gpipe", {.ranks = 2, .microbatches = 1},
                             {.reduce_gradients = true, .reduce_tied = true})),
            "0F0 0SEND_F0 0RECV_B0 0B0 0REDUCE_GRAD 0REDUCE_TIED OPTIMIZER\n"
            "1RECV_F0 1F0 1B0 1SEND_B0 1REDUCE_GRAD 1REDUCE_TIED OPTIMIZER\n");
}

TEST(LowerTest, ATiedWeightOnOneRankIsReducedOnce) {
  EXPECT_EQ(ToString(Lowered("1f1b", {.ranks = 1, .microbatches = 1},
                             {.reduce_tied = true})),
            "0F0 0B0 0REDUCE_TIED OPTIMIZER\n");
}

// Two stages a rank in a V: what stays on the rank needs no transfer.
TEST(LowerTest, LowersSplitBackwardAndSeveralStagesPerRank) {
  const Schedule schedule{
      .microbatches = 1,
      .rank_of_stage = {0, 1, 1, 0},
      .programs = {ParseProgram("0F0 3F0 3I0 3W0 0I0 0W0").value(),
                   ParseProgram("1F0 2F0 2I0 1I0 2W0 1W0").value()}};
  const auto lowered = Lower(schedule, {.reduce_gradients = true});
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_EQ(ToString(*lowered),
            "0F0 0SEND_F0 3RECV_F0 3F0 3I0 3SEND_B0 3W0 3REDUCE_GRAD 0RECV_B0 "
            "0I0 0W0 0REDUCE_GRAD OPTIMIZER\n"
            "1RECV_F0 1F0 2F0 2SEND_F0 2RECV_B0 2I0 1I0 1SEND_B0 2W0 "
            "2REDUCE_GRAD 1W0 1REDUCE_GRAD OPTIMIZER\n");
  EXPECT_TRUE(VerifyLowered(*lowered).ok()) << VerifyLowered(*lowered).status();
}

TEST(LowerTest, EveryLoweredScheduleEndsWithBlockingSendsAndOneCredit) {
  for (const std::string name : {"naive", "gpipe", "1f1b"}) {
    for (int stages = 1; stages <= 9; ++stages) {
      for (int microbatches = 1; microbatches <= 20; ++microbatches) {
        SCOPED_TRACE(name + " " + std::to_string(stages) + "x" +
                     std::to_string(microbatches));
        const auto buffers = VerifyLowered(
            Lowered(name, {.ranks = stages, .microbatches = microbatches},
                    {.reduce_gradients = stages % 2 == 0,
                     .reduce_tied = microbatches % 2 == 0}));
        ASSERT_TRUE(buffers.ok()) << buffers.status();
        for (const auto& rank : *buffers) {
          EXPECT_LE(rank[0].inputs, rank[0].activations + 1);
          EXPECT_LE(rank[0].output_gradients, 2);
          EXPECT_LE(rank[0].outputs, 2);
          EXPECT_LE(rank[0].input_gradients, 2);
        }
      }
    }
  }
}

TEST(LowerTest, RefusesWhatIsNotCompute) {
  const Schedule lowered = Lowered("1f1b", {.ranks = 2, .microbatches = 2});
  EXPECT_EQ(Lower(lowered, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LowerTest, SaysWhyAScheduleNeverEnds) {
  Schedule schedule{.microbatches = 2,
                    .rank_of_stage = {0, 1},
                    .programs = {ParseProgram("0F0 0B0 0F1 0B1").value(),
                                 ParseProgram("1F0 1F1 1B0 1B1").value()}};
  EXPECT_EQ(Lower(schedule, {}).status(), VerifyCompute(schedule));
  schedule.programs = {ParseProgram("0F0 0F1 0B0 0B1").value(),
                       ParseProgram("1F0 1B1 1F1 1B0").value()};
  EXPECT_EQ(Lower(schedule, {}).status().message(),
            "the schedule never ends: rank 1 at 1B1 (action 1) waits for 1F1 "
            "of rank 1");
}

}  // namespace
}  // namespace penstock
