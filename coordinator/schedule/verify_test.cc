#include "coordinator/schedule/verify.h"

#include <algorithm>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

// One stage per rank, one program per line.
Schedule FromText(int microbatches, const std::vector<std::string>& programs) {
  Schedule schedule{.microbatches = microbatches};
  for (const std::string& program : programs) {
    schedule.rank_of_stage.push_back(schedule.ranks());
    schedule.programs.push_back(ParseProgram(program).value());
  }
  return schedule;
}

std::string Refusal(const Schedule& schedule, bool lowered) {
  const absl::Status status =
      lowered ? VerifyLowered(schedule).status() : VerifyCompute(schedule);
  EXPECT_NE(status.code(), absl::StatusCode::kInternal);
  return std::string(status.message());
}

std::string ComputeRefusal(int microbatches,
                           const std::vector<std::string>& programs) {
  return Refusal(FromText(microbatches, programs), false);
}

std::string LoweredRefusal(int microbatches,
                           const std::vector<std::string>& programs) {
  return Refusal(FromText(microbatches, programs), true);
}

TEST(VerifyTest, NamesTheActionThatIsWrong) {
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0B0"}), "");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0F0 0B0"}),
            "rank 0, action 1, 0F0: it is there twice");
  EXPECT_EQ(ComputeRefusal(2, {"0F0 0F7 0B0 0B7"}),
            "rank 0, action 1, 0F7: no such micro-batch");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 1F0 0B0"}),
            "rank 0, action 1, 1F0: no such stage");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0B0 1B0", "1F0"}),
            "rank 0, action 2, 1B0: its stage is on another rank");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0B0 0I0 0W0"}),
            "rank 0, action 2, 0I0: there are B and I or W of the same "
            "micro-batch");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0W0 0I0"}),
            "rank 0, action 1, 0W0: W must come after I");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0B0 OPTIMIZER"}),
            "rank 0, action 2, OPTIMIZER: a compute-only schedule has only F, "
            "B, I, W, R and UPDATE");
  EXPECT_EQ(ComputeRefusal(1, {"0F0"}), "rank 0 lacks 0B0");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0I0"}), "rank 0 lacks 0W0");
  EXPECT_EQ(ComputeRefusal(2, {"0F0 0B0 0B1"}), "rank 0 lacks 0F1");
}

TEST(VerifyTest, NamesTheShapeThatIsWrong) {
  EXPECT_EQ(Refusal({.microbatches = 1}, false),
            "0 stages and 1 micro-batches: a schedule has at least one of "
            "each, at most 65536 stages, and at most 268435456 pairs");
  EXPECT_EQ(Refusal({.microbatches = 1, .rank_of_stage = {1}, .programs = {{}}},
                    false),
            "stage 0 is on rank 1, but there are 1 ranks");
}

TEST(VerifyTest, NamesWhatIsWrongWithReductionsAndTransfers) {
  EXPECT_EQ(LoweredRefusal(1, {"0F0 0B0"}),
            "rank 0 does not end with OPTIMIZER");
  EXPECT_EQ(LoweredRefusal(1, {"0F0 OPTIMIZER 0B0 OPTIMIZER"}),
            "rank 0, action 1, OPTIMIZER: must be the last action");
  EXPECT_EQ(LoweredRefusal(1, {"0F0 0SEND_F0 0B0 OPTIMIZER"}),
            "rank 0, action 1, 0SEND_F0: no tensor travels between ranks "
            "there");
  EXPECT_EQ(LoweredRefusal(1, {"0F0 0REDUCE_GRAD 0B0 OPTIMIZER"}),
            "rank 0, action 1, 0REDUCE_GRAD: it must come after the last B or "
            "W of its stage");
  EXPECT_EQ(LoweredRefusal(1, {"0F0 0B0 0REDUCE_TIED 0REDUCE_GRAD OPTIMIZER"}),
            "rank 0, action 3, 0REDUCE_GRAD: it must come before REDUCE_TIED");
  const std::string first = "0F0 0SEND_F0 0RECV_B0 0B0 ";
  const std::string second = "1RECV_F0 1F0 1B0 1SEND_B0 ";
  EXPECT_EQ(LoweredRefusal(1, {first + "OPTIMIZER", second + "OPTIMIZER"}), "");
  EXPECT_EQ(LoweredRefusal(1, {first + "OPTIMIZER", "1F0 1B0 OPTIMIZER"}),
            "rank 1 lacks 1RECV_F0");
  EXPECT_EQ(LoweredRefusal(
                1, {first + "0REDUCE_GRAD OPTIMIZER", second + "OPTIMIZER"}),
            "rank 1 lacks 1REDUCE_GRAD");
  EXPECT_EQ(LoweredRefusal(
                1, {first + "OPTIMIZER", second + "1REDUCE_TIED OPTIMIZER"}),
            "rank 0 lacks 0REDUCE_TIED");
}

TEST(VerifyTest, PrintsTheCycleOfADeadlock) {
  EXPECT_EQ(ComputeRefusal(1, {"0B0 0F0"}),
            "the schedule never ends: rank 0 at 0B0 (action 0) waits for 0F0 "
            "of rank 0");
  EXPECT_EQ(ComputeRefusal(2, {"0F0 0B0 0F1 0B1", "1F1 1B1 1F0 1B0"}),
            "the schedule never ends: rank 0 at 0B0 (action 1) waits for 1B0 "
            "of rank 1; rank 1 at 1F1 (action 0) waits for 0F1 of rank 0");
  EXPECT_EQ(
      ComputeRefusal(2, {"0F0 0I0 0W0 0F1 0B1", "1F1 1B1 1F0 1I0 1W0"}),
      "the schedule never ends: rank 0 at 0I0 (action 1) waits for 1I0 of "
      "rank 1; rank 1 at 1F1 (action 0) waits for 0F1 of rank 0");
}

// Ends only with sends that do not block: both ranks send before they post.
TEST(VerifyTest, RefusesASendThatWaitsForALaterPost) {
  EXPECT_EQ(
      LoweredRefusal(2, {"0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0B0 0RECV_B1 0B1 "
                         "OPTIMIZER",
                         "1RECV_F0 1F0 1B0 1SEND_B0 1RECV_F1 1F1 1B1 1SEND_B1 "
                         "OPTIMIZER"}),
      "the schedule never ends: rank 0 at 0SEND_F1 (action 3) waits for "
      "1RECV_F1 of rank 1; rank 1 at 1SEND_B0 (action 3) waits for 0RECV_B0 "
      "of rank 0");
}

// The second post waits for the first buffer to be filled, which is sent last.
TEST(VerifyTest, RefusesPostsThatNeedASecondCredit) {
  EXPECT_EQ(
      LoweredRefusal(2, {"0F0 0F1 0SEND_F1 0SEND_F0 0RECV_B0 0B0 0RECV_B1 0B1 "
                         "OPTIMIZER",
                         "1RECV_F0 1RECV_F1 1F0 1B0 1SEND_B0 1F1 1B1 1SEND_B1 "
                         "OPTIMIZER"}),
      "the schedule never ends: rank 0 at 0SEND_F1 (action 2) waits for "
      "1RECV_F1 of rank 1; rank 1 at 1RECV_F1 (action 1) waits for 0SEND_F0 "
      "of rank 0");
}

TEST(VerifyTest, CountsBuffersOfEachStage) {
  const auto buffers = VerifyLowered(
      Lower(Generate("1f1b", {.ranks = 4, .microbatches = 8}).value(), {})
          .value());
  ASSERT_TRUE(buffers.ok()) << buffers.status();
  const auto text = [&](int rank) {
    const StageBuffers& b = (*buffers)[rank].at(0);
    std::string text = std::to_string(b.stage);
    for (const int count :
         {b.activations, b.inputs, b.outputs, b.output_gradients,
          b.input_gradients, b.deferred}) {
      text += " " + std::to_string(count);
    }
    return text;
  };
  EXPECT_EQ(text(0), "0 4 0 2 1 0 0");
  EXPECT_EQ(text(1), "1 3 4 2 1 2 0");
  EXPECT_EQ(text(2), "2 2 3 2 1 2 0");
  EXPECT_EQ(text(3), "3 1 2 0 0 1 0");
}

TEST(VerifyTest, SplitBackwardDefersWeightGradients) {
  const auto buffers =
      VerifyLowered(FromText(2, {"0F0 0F1 0I0 0I1 0W0 0W1 OPTIMIZER"}));
  ASSERT_TRUE(buffers.ok()) << buffers.status();
  EXPECT_EQ((*buffers)[0][0].activations, 2);
  EXPECT_EQ((*buffers)[0][0].deferred, 2);
}

// Two copies on two ranks, micro-batches 0 and 1 through the first: DualPipe.
Schedule DualPipe() {
  return {.microbatches = 4,
          .rank_of_stage = {0, 1, 1, 0},
          .programs = {ParseProgram("0F0 3F2 0F1 3B2 (3F3;0B0)OVERLAP_F_B 3B3 "
                                    "0I1 0W1")
                           .value(),
                       ParseProgram("2F2 1F0 2F3 1B0 (1F1;2B2)OVERLAP_F_B 1B1 "
                                    "2I3 2W3")
                           .value()},
          .copies = 2};
}

TEST(VerifyTest, AcceptsCopiesWithCompoundActions) {
  EXPECT_EQ(Refusal(DualPipe(), false), "");
  const auto lowered = Lower(DualPipe(), {true, true});
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_EQ(Refusal(*lowered, true), "") << ToString(*lowered);
}

TEST(VerifyTest, AMicrobatchStaysInItsCopy) {
  Schedule schedule = DualPipe();
  schedule.programs[1][0].microbatch = 0;
  EXPECT_EQ(Refusal(schedule, false),
            "rank 1, action 0, 2F0: its micro-batch runs through another copy");
  schedule.copies = 3;
  EXPECT_EQ(Refusal(schedule, false),
            "3 copies of the model: must divide the 4 stages and the 4 "
            "micro-batches");
}

TEST(VerifyTest, OnlyFAndBAreCompound) {
  Schedule schedule = FromText(2, {"0F0 0F1 0B0 0B1"});
  schedule.programs[0][0].overlaps_next = true;
  EXPECT_EQ(Refusal(schedule, false),
            "rank 0, action 0, 0F0: only an F can overlap what follows, which "
            "must be a B");
  schedule = FromText(1, {"0F0 0B0"});
  schedule.programs[0][0].overlaps_next = true;
  EXPECT_EQ(Refusal(schedule, false),
            "the schedule never ends: rank 0 at 0F0 (action 0) waits for 0F0 "
            "of rank 0");
}

TEST(VerifyTest, PiecesGoForwardInOrderAndBackInReverse) {
  const auto refusal = [](const std::string& program) {
    Schedule schedule = FromText(1, {program});
    schedule.pieces = 2;
    return Refusal(schedule, false);
  };
  EXPECT_EQ(refusal("0F0.0 0F0.1 0B0.1 0B0.0"), "");
  EXPECT_EQ(refusal("0F0.1 0F0.0 0B0.1 0B0.0"),
            "the schedule never ends: rank 0 at 0F0.1 (action 0) waits for "
            "0F0.0 of rank 0");
  EXPECT_EQ(refusal("0F0.0 0F0.1 0B0.0 0B0.1"),
            "the schedule never ends: rank 0 at 0B0.0 (action 2) waits for "
            "0B0.1 of rank 0");
  EXPECT_EQ(refusal("0F0.0 0F0.1 0B0.1"), "rank 0 lacks 0B0.0");
  EXPECT_EQ(refusal("0F0.0 0F0.2 0B0.1 0B0.0"),
            "rank 0, action 1, 0F0.2: no such piece");
  EXPECT_EQ(ComputeRefusal(1, {"0F0.0 0B0"}),
            "rank 0, action 0, 0F0.0: no such piece");
}

TEST(VerifyTest, RecomputesBetweenForwardAndBackward) {
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0R0 0B0"}), "");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0R0 0R0 0B0"}),
            "rank 0, action 2, 0R0: it is there twice");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0B0 0R0"}),
            "rank 0, action 2, 0R0: R must come before B and I");
  EXPECT_EQ(ComputeRefusal(1, {"0R0 0F0 0B0"}),
            "the schedule never ends: rank 0 at 0R0 (action 0) waits for 0F0 "
            "of rank 0");
}

TEST(VerifyTest, BackwardUsesTheVersionOfItsForward) {
  EXPECT_EQ(ComputeRefusal(2, {"0F0@0 0F1@0 0B0@0 0UPDATE1 0B1@0 0UPDATE2"}),
            "");
  EXPECT_EQ(ComputeRefusal(2, {"0F0@0 0F1@0 0B0@0 0UPDATE1 0B1@1 0UPDATE2"}),
            "rank 0, action 4, 0B1@1: it must use the weight version of its F");
  EXPECT_EQ(ComputeRefusal(2, {"0F0@0 0F1@1 0B0@0 0UPDATE1 0B1@1 0UPDATE2"}),
            "rank 0, action 1, 0F1@1: its weight version has not been made "
            "yet");
  EXPECT_EQ(ComputeRefusal(1, {"0F0@0 0B0@0 0UPDATE2"}),
            "rank 0, action 2, 0UPDATE2: the updates of a stage count from 1, "
            "without gaps");
  EXPECT_EQ(ComputeRefusal(2, {"0F0@0 0B0@0 0UPDATE1 0UPDATE2 0F1@2 0B1@2"}),
            "rank 0, action 3, 0UPDATE2: there is no B or W since the one "
            "before");
  EXPECT_EQ(ComputeRefusal(1, {"0F0@0 0B0"}),
            "rank 0, action 1, 0B0: either every F, B, I, W and R names a "
            "version or none does");
  EXPECT_EQ(ComputeRefusal(1, {"0F0 0B0 0UPDATE1"}),
            "rank 0, action 2, 0UPDATE1: nothing names the weight version that "
            "it makes");
}

TEST(VerifyTest, ReductionsBetweenRanksHaveOneOrder) {
  Schedule schedule = *Lower(DualPipe(), {true, true});
  std::vector<Action>& program = schedule.programs[0];
  const auto copy = [&](int stage) {
    return std::find(program.begin(), program.end(),
                     Action{stage, ActionKind::kReduceCopy, -1});
  };
  ASSERT_LT(copy(3), copy(0));
  std::rotate(copy(3), copy(3) + 1, copy(0) + 1);
  EXPECT_EQ(Refusal(schedule, true),
            "the schedule never ends: rank 0 at 0REDUCE_COPY (action 19) waits "
            "for 2REDUCE_COPY of rank 1; rank 1 at 1REDUCE_COPY (action 16) "
            "waits for 3REDUCE_COPY of rank 0");
}

TEST(VerifyTest, ShardedWeightsAreGatheredBeforeUse) {
  EXPECT_EQ(LoweredRefusal(1, {"0UNSHARD 0F0 0B0 0RESHARD OPTIMIZER"}), "");
  EXPECT_EQ(LoweredRefusal(1, {"0UNSHARD 0F0 0RESHARD 0B0 OPTIMIZER"}),
            "rank 0, action 3, 0B0: its stage's weights are not gathered");
  EXPECT_EQ(LoweredRefusal(1, {"0UNSHARD 0UNSHARD 0F0 0B0 OPTIMIZER"}),
            "rank 0, action 1, 0UNSHARD: its stage's weights are gathered "
            "already");
}

TEST(VerifyTest, CountsRecomputedDeferredAndStashed) {
  auto buffers =
      VerifyLowered(FromText(2, {"0F0 0F1 0R0 0B0 0R1 0B1 OPTIMIZER"}));
  ASSERT_TRUE(buffers.ok()) << buffers.status();
  EXPECT_EQ((*buffers)[0][0].activations, 1);
  EXPECT_EQ((*buffers)[0][0].versions, 1);
  buffers = VerifyLowered(FromText(
      3, {"0F0@0 0F1@0 0F2@0 0B0@0 0UPDATE1 0B1@0 0UPDATE2 0B2@0 0UPDATE3 "
          "OPTIMIZER"}));
  ASSERT_TRUE(buffers.ok()) << buffers.status();
  EXPECT_EQ((*buffers)[0][0].activations, 3);
  EXPECT_EQ((*buffers)[0][0].versions, 2);
  EXPECT_TRUE((*buffers)[0][0].whole_backward);
  buffers = VerifyLowered(FromText(2, {"0F0 0I0 0F1 0I1 0W0 0W1 OPTIMIZER"}));
  ASSERT_TRUE(buffers.ok()) << buffers.status();
  EXPECT_EQ((*buffers)[0][0].deferred, 2);
  EXPECT_FALSE((*buffers)[0][0].whole_backward);
}

TEST(VerifyTest, HoldsAtMostWhatTheFormulasSay) {
  for (int stages = 1; stages <= 8; ++stages) {
    for (int microbatches = 1; microbatches <= 17; ++microbatches) {
      const auto peak = [&](const std::string& name, int stage) {
        return VerifyLowered(
                   Lower(Generate(name, {.ranks = stages,
                                         .microbatches = microbatches})
                             .value(),
                         {})
                       .value())
            .value()[stage][0]
            .activations;
      };
      for (int stage = 0; stage < stages; ++stage) {
        EXPECT_EQ(peak("1f1b", stage), std::min(microbatches, stages - stage));
        EXPECT_EQ(peak("gpipe", stage), microbatches);
        EXPECT_EQ(peak("naive", stage), 1);
      }
    }
  }
}

}  // namespace
}  // namespace penstock
