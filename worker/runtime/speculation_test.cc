// Where validation points lie, and that no message of a thrown-away attempt
// stays behind.

#include "worker/runtime/speculation.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/action.h"
#include "proto/base/clock.h"
#include "worker/link/local_link.h"
#include "worker/runtime/message_tag.h"

namespace penstock {
namespace {

constexpr int64_t kBytes = 64;
constexpr int64_t kStep = 5;

Plan PlanOf(const std::vector<int>& rank_of_stage,
            const std::vector<std::string>& programs) {
  Plan plan;
  for (const int rank : rank_of_stage) plan.stages.push_back({.rank = rank});
  for (const std::string& program : programs) {
    plan.ranks.push_back({.program = ParseProgram(program).value()});
  }
  return plan;
}

// Buffers for what the rank's stages take.
struct Memory {
  explicit Memory(const std::vector<int>& stages) : bytes(64 * kBytes) {
    std::byte* next = bytes.data();
    for (const int stage : stages) {
      StageMemory& memory = rank.stages.emplace_back();
      memory.stage = stage;
      memory.sizes = {.boundary_in = kBytes, .boundary_out = kBytes};
      for (BufferPool* pool : {&memory.activations, &memory.inputs}) {
        *pool = BufferPool(next, 4, kBytes);
        next += 4 * kBytes;
      }
    }
  }

  std::vector<std::byte> bytes;
  RankMemory rank;
};

std::string PointOf(const Plan& plan, int rank) {
  RankMemory memory;
  const Speculation speculation(plan, {.rank = rank}, memory);
  return ToString(plan.ranks[rank].program[speculation.end()]);
}

TEST(SpeculationTest, TheValidationPointIsTheFirstBackwardPass) {
  const Plan plan = PlanOf(
      {0, 1},
      {"0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0B0 0RECV_B1 0B1 OPTIMIZER",
       "1RECV_F0 1F0 1RECV_F1 1I0 1SEND_B0 1W0 1F1 1B1 1SEND_B1 OPTIMIZER"});
  EXPECT_EQ(PointOf(plan, 0), "0B0");
  EXPECT_EQ(PointOf(plan, 1), "1I0");
}

// Rank 0 sends 0F1 after its first backward pass only: if rank 1 went on to
// 1F1, its output would be neither of the first attempt nor of the second.
TEST(SpeculationTest, AForwardPassThatWaitsForABackwardPassIsNotSpeculative) {
  const Plan plan = PlanOf(
      {0, 1, 1, 0},
      {"0F0 0SEND_F0 3RECV_F0 3F0 3B0 3SEND_B0 0F1 0SEND_F1 3RECV_F1 3F1 3B1 "
       "3SEND_B1 0RECV_B0 0B0 0RECV_B1 0B1 OPTIMIZER",
       "1RECV_F0 1F0 2F0 2SEND_F0 1RECV_F1 1F1 2F1 2SEND_F1 2RECV_B0 2B0 1B0 "
       "1SEND_B0 2RECV_B1 2B1 1B1 1SEND_B1 OPTIMIZER"});
  EXPECT_EQ(PointOf(plan, 0), "3B0");
  EXPECT_EQ(PointOf(plan, 1), "1F1");
}

TEST(SpeculationTest, AForwardPassThatOverlapsABackwardPassIsNotSpeculative) {
  const Plan plan = PlanOf({0}, {"0F0 (0F1;0B0)OVERLAP_F_B 0B1 OPTIMIZER"});
  EXPECT_EQ(PointOf(plan, 0), "0F1");
}

// Rank 1 has used the first activation, has posted the second, will post the
// third later, and the fourth is not sent before rank 0's validation point.
TEST(SpeculationTest, DiscardsWhatWasSentInTheFirstAttemptAndNoMore) {
  const Plan plan = PlanOf(
      {0, 1},
      {"0F0 0SEND_F0 0F1 0SEND_F1 0F2 0SEND_F2 0RECV_B0 0B0 0F3 0SEND_F3 "
       "OPTIMIZER",
       "1RECV_F0 1F0 1RECV_F1 1RECV_F3 1B0 1SEND_B0 1F1 1RECV_F2 OPTIMIZER"});
  Memory memory({1});
  StageMemory& stage = memory.rank.stages[0];
  Speculation speculation(plan, {.rank = 1}, memory.rank);
  const auto hub = LocalHub::Create(2);
  const std::unique_ptr<Link> sender = hub->link(0);
  const std::unique_ptr<Link> receiver = hub->link(1);
  const std::vector<std::byte> tensor(kBytes);
  const auto first = [](int microbatch) {
    return MakeKey(kStep, MessageKind::kActivation, 0, microbatch);
  };
  for (const int microbatch : {0, 1, 2}) {
    ASSERT_TRUE(sender->Send(1, first(microbatch), tensor).ok());
  }
  for (const int microbatch : {0, 1, 3}) {
    std::byte* const buffer = stage.inputs.Acquire(microbatch).value();
    ASSERT_TRUE(receiver
                    ->PostReceive(0, first(microbatch),
                                  {buffer, static_cast<size_t>(kBytes)})
                    .ok());
  }
  const absl::Time deadline = SteadyNow() + absl::Seconds(30);
  ASSERT_TRUE(receiver->WaitReceived(0, first(0), deadline).ok());
  ASSERT_TRUE(stage.activations.Acquire(0).ok());

  ASSERT_TRUE(speculation.Discard(kStep, *receiver, absl::Seconds(30)).ok());

  for (const int microbatch : {0, 1, 2}) {
    EXPECT_TRUE(sender->WaitSent(1, first(microbatch), deadline).ok());
    EXPECT_EQ(stage.inputs.Find(microbatch), nullptr);
  }
  EXPECT_EQ(stage.activations.Find(0), nullptr);
  EXPECT_NE(stage.inputs.Find(3), nullptr);
}

TEST(SpeculationTest, OnlyWhatIsSentTwiceHasAnotherKeyTheSecondTime) {
  const Plan plan =
      PlanOf({0, 1}, {"0F0 0SEND_F0 0RECV_B0 0B0 0F1 0SEND_F1 OPTIMIZER",
                      "1RECV_F0 1RECV_F1 1F0 1B0 1SEND_B0 1F1 OPTIMIZER"});
  RankMemory memory;
  Speculation speculation(plan, {.rank = 1}, memory);
  const MessageKey first = speculation.ActivationKey(kStep, 0, 0);
  const MessageKey once = speculation.ActivationKey(kStep, 0, 1);
  EXPECT_EQ(first, MakeKey(kStep, MessageKind::kActivation, 0, 0));
  EXPECT_TRUE(speculation.Repeats(0));
  EXPECT_FALSE(speculation.Repeats(1));
  speculation.Repeat();
  EXPECT_NE(speculation.ActivationKey(kStep, 0, 0), first);
  EXPECT_EQ(speculation.ActivationKey(kStep, 0, 1), once);
  speculation.BeginStep();
  EXPECT_EQ(speculation.ActivationKey(kStep, 0, 0), first);
}

}  // namespace
}  // namespace penstock
