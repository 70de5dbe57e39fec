// The cases by which torch.distributed.pipelining tests its own lowering and
// validation: what must be refused is, what it lowers we accept, and the passes
// that we share give the same lists.

#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/merge_backward.h"
#include "coordinator/schedule/shard_weights.h"
#include "coordinator/schedule/verify.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

using Json = nlohmann::json;

Schedule WithPrograms(const Json& test, const char* programs,
                      const std::string& suffix) {
  Schedule schedule{.microbatches = test["microbatches"],
                    .rank_of_stage = test["rank_of_stage"]};
  for (const std::string program : test[programs]) {
    schedule.programs.push_back(ParseProgram(program + suffix).value());
  }
  return schedule;
}

// What one rank does.
Schedule OneProgram(const std::string& program) {
  return {.programs = {ParseProgram(program).value()}};
}

class LoweringCasesTest : public testing::Test {
 protected:
  // The cases with `field`; the test fails unless there are `count` of them.
  static std::vector<Json> CasesWith(const char* field, size_t count) {
    const Json cases = Json::parse(
        ReadFile("tests/golden/schedules/lowering_cases.json").value(), nullptr,
        false);
    std::vector<Json> with;
    for (const Json& test : cases) {
      if (test.contains(field)) with.push_back(test);
    }
    EXPECT_EQ(with.size(), count) << field;
    return with;
  }
};

TEST_F(LoweringCasesTest, RefusesWhatMustBeRefused) {
  for (const Json& test : CasesWith("refusal", 6)) {
    const absl::Status status =
        VerifyCompute(WithPrograms(test, "compute", ""));
    EXPECT_EQ(std::string(status.message()), test["refusal"]) << test["case"];
  }
}

TEST_F(LoweringCasesTest, AcceptsTheirLoweredLists) {
  for (const Json& test : CasesWith("lowered", 3)) {
    SCOPED_TRACE(test["case"]);
    const auto theirs =
        VerifyLowered(WithPrograms(test, "lowered", " OPTIMIZER"));
    EXPECT_TRUE(theirs.ok()) << theirs.status();
    const auto ours = Lower(WithPrograms(test, "compute", ""), {});
    ASSERT_TRUE(ours.ok()) << ours.status();
    EXPECT_TRUE(VerifyLowered(*ours).ok());
  }
}

TEST_F(LoweringCasesTest, MergesAdjacentBackwardPasses) {
  for (const Json& test : CasesWith("merged", 3)) {
    EXPECT_EQ(ToString(MergeBackward(OneProgram(test["input"]))),
              test["merged"].get<std::string>() + "\n")
        << test["case"];
  }
}

TEST_F(LoweringCasesTest, ReducesGradientsAtTheSamePlace) {
  for (const Json& test : CasesWith("reduced", 3)) {
    Schedule schedule = OneProgram(test["input"]);
    schedule.microbatches = test["microbatches"];
    schedule.rank_of_stage.assign(test["stages"], 0);
    const auto lowered = Lower(schedule, {.reduce_gradients = true});
    ASSERT_TRUE(lowered.ok()) << lowered.status();
    EXPECT_EQ(ToString(*lowered),
              test["reduced"].get<std::string>() + " OPTIMIZER\n")
        << test["case"];
  }
}

TEST_F(LoweringCasesTest, GathersAndFreesTheSameWeights) {
  for (const Json& test : CasesWith("sharded_3", 3)) {
    const Schedule schedule = OneProgram(test["input"]);
    EXPECT_EQ(ToString(ShardWeights(schedule, 2)),
              test["sharded_2"].get<std::string>() + "\n")
        << test["case"];
    EXPECT_EQ(ToString(ShardWeights(schedule, 3)),
              test["sharded_3"].get<std::string>() + "\n")
        << test["case"];
  }
}

TEST_F(LoweringCasesTest, ShardedSchedulesAreStillAccepted) {
  const Schedule compute{
      .microbatches = 2,
      .rank_of_stage = {0, 0},
      .programs = {ParseProgram("0F0 1F0 0F1 (1F1;1B0)OVERLAP_F_B 1B1 0B0 0B1")
                       .value()}};
  const Schedule sharded = ShardWeights(*Lower(compute, {}), 1);
  EXPECT_EQ(ToString(sharded),
            "0UNSHARD 0F0 0RESHARD 1UNSHARD 1F0 1RESHARD 0UNSHARD 0F1 "
            "1UNSHARD (1F1;1B0)OVERLAP_F_B 0RESHARD 1B1 1RESHARD 0UNSHARD 0B0 "
            "0B1 0RESHARD OPTIMIZER\n");
  const auto verified = VerifyLowered(sharded);
  EXPECT_TRUE(verified.ok()) << verified.status();
}

}  // namespace
}  // namespace penstock
