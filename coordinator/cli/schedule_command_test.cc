// Whole command lines of `penstock schedule`, on schedules of our own and of
// PyTorch's.

#include "coordinator/cli/schedule_command.h"

#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/fake_jobs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using Words = std::vector<std::string>;

std::string File(const std::string& text) {
  const std::string path = testing::TempDir() + "/schedule.csv";
  EXPECT_TRUE(WriteFileAtomically(path, text).ok());
  return path;
}

CliResult OfSchedule(Words words, const Words& more = {}) {
  words.insert(words.begin(), "schedule");
  words.insert(words.end(), more.begin(), more.end());
  return RunForTest(words);
}

CliResult Verify(const std::string& text, const Words& more) {
  return OfSchedule({"verify", File(text)}, more);
}

const Words kSmall = {"--schedule", "1f1b",           "--ranks",
                      "4",          "--microbatches", "8"};

TEST(ScheduleCommandTest, ListsEverySchedule) {
  const CliResult result = OfSchedule({"list", "-o", "json"});
  EXPECT_EQ(result.exit_code, kExitOk);
  const ordered_json list = ordered_json::parse(result.out);
  EXPECT_EQ(list[0]["name"], "naive");
  EXPECT_NE(list[0]["description"], "");
  EXPECT_THAT(OfSchedule({"list"}).out, HasSubstr("dualpipev"));
  EXPECT_THAT(OfSchedule({"list", "--names"}).out,
              StartsWith("naive\ngpipe\n"));
}

TEST(ScheduleCommandTest, WhatShowWritesVerifiesAndSimulatesAlike) {
  const CliResult csv = OfSchedule({"show", "-o", "csv"}, kSmall);
  EXPECT_EQ(csv.exit_code, kExitOk) << csv.err;
  const CliResult verified = Verify(csv.out, {"--placement", "loop"});
  EXPECT_EQ(verified.exit_code, kExitOk) << verified.err;
  EXPECT_THAT(verified.out, StartsWith("OK: "));
  EXPECT_THAT(verified.out,
              HasSubstr("4 ranks, 4 stages, 8 micro-batches, 64 actions, "
                        "compute-only"));
  EXPECT_EQ(OfSchedule({"simulate", "--input", File(csv.out), "--placement",
                        "0,1,2,3", "-o", "json"})
                .out,
            OfSchedule({"simulate", "-o", "json"}, kSmall).out);
}

TEST(ScheduleCommandTest, ALoweredFileIsSeenToBeOne) {
  const CliResult csv = OfSchedule({"show", "--lowered", "-o", "csv"}, kSmall);
  const CliResult verified = Verify(csv.out, {"--placement", "loop"});
  EXPECT_EQ(verified.exit_code, kExitOk) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("lowered"));
}

TEST(ScheduleCommandTest, PyTorchsFilesAreProven) {
  const std::string golden = "tests/golden/schedules/";
  for (const Words& words :
       {Words{"verify", golden + "dualpipev_4x10.csv", "--placement", "v"},
        {"verify", golden + "zb1p_2x8_stages2.csv", "--placement", "loop"},
        {"verify", golden + "zb1p_2x8_stages2_lowered.csv", "--placement",
         "loop"}}) {
    const CliResult result = OfSchedule(words);
    EXPECT_EQ(result.exit_code, kExitOk) << result.err;
  }
}

struct Refused {
  std::string name;
  std::string text;
  std::string why;
  int microbatches = 2;
};

class RefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, VerifySaysWhy) {
  const CliResult result =
      Verify(GetParam().text, {"--placement", "loop", "--microbatches",
                               std::to_string(GetParam().microbatches)});
  EXPECT_EQ(result.exit_code, kExitRefused);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("refused: "));
  EXPECT_THAT(result.err, HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTest,
    testing::Values(
        Refused{"CyclicWait", "0F0,0B0,0F1,0B1\n1F0,1F1,1B0,1B1\n", "0B0"},
        Refused{"Duplicate", "0F0,0F1,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n", "0F1"},
        Refused{"WrongNumber", "0F0,0F7,0B0,0B7\n1F0,1B0,1F7,1B7\n", "0F7"},
        Refused{"BesideSplit", "0F0,0F1,0B0,0I0,0W0,0B1\n1F0,1B0,1F1,1B1\n",
                "0I0"},
        Refused{"Missing", "0F0,0B0\n1F0\n", "1", 1}),
    [](const auto& info) { return info.param.name; });

TEST(ScheduleCommandTest, WhatIsNoScheduleAtAllIsAWrongFile) {
  const CliResult garbage = Verify("0F0,12BANANA\n", {"--placement", "loop"});
  EXPECT_EQ(garbage.exit_code, kExitUsage);
  EXPECT_THAT(garbage.err,
              HasSubstr("schedule.csv: row 1, column 2: \"12BANANA\""));
  for (const char* placement : {"", "ring", "0,", "0,x", "-1", "0 1"}) {
    const CliResult result = Verify("0F0\n", {"--placement", placement});
    EXPECT_EQ(result.exit_code, kExitUsage);
    EXPECT_THAT(result.err, HasSubstr("must be loop, v, wave")) << placement;
  }
  EXPECT_EQ(
      OfSchedule({"verify", "/nonexistent", "--placement", "loop"}).exit_code,
      kExitNotFound);
}

ordered_json Simulate(const Words& more) {
  Words words = {"simulate", "-o", "json"};
  words.insert(words.end(), kSmall.begin(), kSmall.end());
  const CliResult result = OfSchedule(words, more);
  EXPECT_EQ(result.exit_code, kExitOk) << result.err;
  return ordered_json::parse(result.out);
}

TEST(ScheduleCommandTest, SimulationHasTheFieldsThatProgramsRead) {
  const ordered_json json = Simulate({});
  std::vector<std::string> names;
  for (const auto& field : json.items()) names.push_back(field.key());
  names.resize(5);
  EXPECT_THAT(names,
              ElementsAre("makespan_us", "span_us", "bubble_fraction_makespan",
                          "bubble_fraction_span", "peak_activations"));
  EXPECT_EQ(json["makespan_us"], 33.0);
  EXPECT_EQ(json["peak_activations"], ordered_json({4, 3, 2, 1}));
  EXPECT_NEAR(json["bubble_fraction_makespan"].get<double>(), 3.0 / 11, 1e-12);
}

TEST(ScheduleCommandTest, EveryIdleMomentHasACause) {
  const ordered_json json = Simulate({"--transfer-us", "1"});
  const ordered_json& bubble = json["bubble_us"];
  ASSERT_EQ(bubble["ranks"].size(), 4u);
  double sum = 0;
  for (const auto& cause : bubble["total"].items()) {
    sum += cause.value().get<double>();
  }
  EXPECT_NEAR(sum, 4 * json["makespan_us"].get<double>() - 4 * 24, 1e-9);
  EXPECT_GT(bubble["total"]["latency"], 0.0);
  EXPECT_EQ(bubble["ranks"][3]["fill"], 6.0);  // Three stages, three links.
}

TEST(ScheduleCommandTest, RecomputationCostsAForwardAndSavesMemory) {
  const ordered_json json = Simulate({"--recompute", "always"});
  EXPECT_GT(json["makespan_us"], 33.0);
  EXPECT_EQ(json["peak_activations"][0], 1);
  EXPECT_GT(json["makespan_us"],
            Simulate({"--recompute", "except_last"})["makespan_us"]);
}

TEST(ScheduleCommandTest, VerifyProvesTheMemory) {
  const std::string csv = OfSchedule({"show", "--schedule", "gpipe", "--ranks",
                                      "2", "--microbatches", "4", "-o", "csv"})
                              .out;
  const Words enough = {
      "--placement",        "loop",    "--memory-bytes",   "1000",
      "--activation-bytes", "100,200", "--boundary-bytes", "1",
      "--fixed-bytes",      "100"};
  EXPECT_EQ(Verify(csv, enough).exit_code, kExitOk) << Verify(csv, enough).err;
  Words tight = enough;
  tight[3] = "1000,850";
  const CliResult refused = Verify(csv, tight);
  EXPECT_EQ(refused.exit_code, kExitRefused);
  EXPECT_THAT(refused.err, HasSubstr("rank 1"));
  EXPECT_THAT(refused.err, HasSubstr("1F3"));
  tight[3] = "1,2,3";
  EXPECT_THAT(Verify(csv, tight).err, HasSubstr("--memory-bytes has 3 values"));
}

TEST(ScheduleCommandTest, CostsAreOneValueOrOnePerStageOrLink) {
  EXPECT_EQ(Simulate({"--forward-us", "10", "--input-grad-us", "10",
                      "--weight-grad-us", "10"})["makespan_us"],
            330.0);
  // The last stage is the slowest: F0 in 1 each before it, then its own work,
  // then B of the last micro-batch in 2 each.
  EXPECT_EQ(Simulate({"--forward-us", "1,1,1,4", "--input-grad-us", "1",
                      "--weight-grad-us", "1,1,1,4"})["makespan_us"],
            3 + 8 * 9 + 3 * 2.0);
  // There and back again through three links, once per round of 4.
  EXPECT_EQ(Simulate({"--transfer-us", "1,1,1"}),
            Simulate({"--transfer-us", "1"}));
  EXPECT_GT(Simulate({"--transfer-us", "1"})["makespan_us"], 33.0);
}

TEST(ScheduleCommandTest, NamesTheFlagThatIsWrong) {
  for (const auto& [more, message] : std::vector<std::pair<Words, std::string>>{
           {{"--forward-us", "1,2"}, "--forward-us has 2 values"},
           {{"--transfer-us", "1,2,3,4"}, "give one for all, or 3"},
           {{"--weight-grad-us", "-1"}, "--weight-grad-us: -1"},
           {{"--input-grad-us", "nan"}, "--input-grad-us: nan"},
           {{"--boundary-bytes", "10"}, "only say something together"},
           {{"--bandwidth-gbps", "0", "--boundary-bytes", "1"},
            "carries nothing"},
           {{"--input", "x", "--placement", "loop"}, "either --schedule"}}) {
    Words words = {"simulate"};
    words.insert(words.end(), kSmall.begin(), kSmall.end());
    const CliResult result = OfSchedule(words, more);
    EXPECT_EQ(result.exit_code, kExitUsage) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
  }
  EXPECT_THAT(OfSchedule({"show", "--ranks", "2", "--microbatches", "2"}).err,
              HasSubstr("--schedule is missing"));
  EXPECT_THAT(OfSchedule({"show", "--schedule", "2f2b", "--ranks", "2",
                          "--microbatches", "2"})
                  .err,
              HasSubstr("no schedule is called \"2f2b\""));
}

TEST(ScheduleCommandTest, ShowsProgramsToPeopleAndPrograms) {
  const Words words = {"--schedule", "1f1b",           "--ranks",
                       "2",          "--microbatches", "2"};
  const CliResult text = OfSchedule({"show"}, words);
  EXPECT_THAT(text.out, HasSubstr("rank 0: 0F0 0F1 0B0 0B1\n"));
  EXPECT_THAT(text.out, HasSubstr("makespan 9 units"));
  const ordered_json json =
      ordered_json::parse(OfSchedule({"show", "-o", "json"}, words).out);
  EXPECT_EQ(json["programs"][1], ordered_json({"1F0", "1B0", "1F1", "1B1"}));
  EXPECT_EQ(json["rank_of_stage"], ordered_json({0, 1}));
  EXPECT_THAT(OfSchedule({"show", "-o", "svg"}, words).out,
              StartsWith("<?xml"));
}

}  // namespace
}  // namespace penstock
