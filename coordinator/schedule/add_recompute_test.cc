#include "coordinator/schedule/add_recompute.h"

#include "coordinator/schedule/generators.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

std::string Program(const Schedule& schedule, int rank) {
  return ToString(schedule.programs[rank]);
}

std::vector<Action> WithoutIdleRecompute(std::vector<Action> program) {
  for (size_t i = program.size() - 1; i > 0; --i) {
    if (program[i].kind == ActionKind::kRecompute &&
        program[i - 1].kind == ActionKind::kForward &&
        program[i - 1].microbatch == program[i].microbatch) {
      program.erase(program.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  return program;
}

// Varuna's own order of F and B, of which we take out R and put it in again;
// but not where B follows its F at once, as on its first rank at the end.
TEST(AddRecomputeTest, PutsRecomputeWhereVarunaDoes) {
  for (const char* name : {"varuna_2x4", "varuna_3x6"}) {
    const std::string golden =
        ReadFile("tests/golden/schedules/" + std::string(name) + ".txt")
            .value();
    Schedule schedule{.microbatches = 6};
    Schedule expected;
    size_t begin = 0;
    while (begin < golden.size()) {
      const size_t end = golden.find('\n', begin);
      schedule.rank_of_stage.push_back(schedule.ranks());
      schedule.programs.push_back(
          ParseProgram(golden.substr(begin, end - begin)).value());
      expected.programs.push_back(
          WithoutIdleRecompute(schedule.programs.back()));
      std::erase_if(schedule.programs.back(), [](const Action& action) {
        return action.kind == ActionKind::kRecompute;
      });
      begin = end + 1;
    }
    EXPECT_NE(ToString(schedule), ToString(expected));
    EXPECT_EQ(ToString(AddRecompute(schedule, RecomputeAlways())),
              ToString(expected));
  }
}

TEST(AddRecomputeTest, StandsBeforeTheInputGradientAndTheWholePair) {
  const Schedule split =
      AddRecompute(Generate("zb-h1", {2, 2}).value(), RecomputeAlways());
  EXPECT_EQ(Program(split, 0), "0F0 0F1 0R0 0I0 0W0 0R1 0I1 0W1");
  EXPECT_EQ(Program(split, 1), "1F0 1I0 1F1 1I1 1W0 1W1");
  const Schedule pairs =
      AddRecompute(Generate("dualpipe", {2, 4}).value(), RecomputeAlways());
  EXPECT_EQ(Program(pairs, 0),
            "0F0 3F2 0F1 3R2 3B2 0R0 (3F3;0B0)OVERLAP_F_B 3R3 3B3 0R1 0I1 0W1");
}

TEST(AddRecomputeTest, KeepsPieceAndVersion) {
  const Schedule pieces =
      AddRecompute(Generate("seq1f1b", {1, 1}).value(), RecomputeAlways());
  EXPECT_EQ(Program(pieces, 0), "0F0.0 0F0.1 0B0.1 0R0.0 0B0.0");
  const Schedule versions =
      AddRecompute(Generate("pipedream", {2, 2}).value(), RecomputeAlways());
  EXPECT_EQ(Program(versions, 0),
            "0F0@0 0F1@0 0R0@0 0B0@0 0UPDATE1 0R1@0 0B1@0 0UPDATE2");
}

TEST(AddRecomputeTest, FollowsThePolicy) {
  const Schedule gpipe = Generate("gpipe-lifo", {2, 3}).value();
  EXPECT_EQ(Program(AddRecompute(gpipe, RecomputeAllButLast(gpipe)), 0),
            "0F0 0F1 0F2 0B2 0R1 0B1 0R0 0B0");
  const Schedule chimera = Generate("chimera", {2, 4}).value();
  const Schedule kept = AddRecompute(chimera, RecomputeAllButLast(chimera));
  EXPECT_EQ(Program(chimera, 0), "0F0 3F2 3B2 0B0 0F1 3F3 3B3 0B1");
  EXPECT_EQ(Program(kept, 0), "0F0 3F2 3B2 0R0 0B0 0F1 3F3 3B3 0B1");
  const Schedule stages = AddRecompute(gpipe, RecomputeStages({false, true}));
  EXPECT_EQ(Program(stages, 0), Program(gpipe, 0));
  EXPECT_EQ(Program(stages, 1), "1F0 1F1 1F2 1B2 1R1 1B1 1R0 1B0");
}

}  // namespace
}  // namespace penstock
