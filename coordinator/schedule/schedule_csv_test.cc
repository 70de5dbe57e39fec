#include "coordinator/schedule/schedule_csv.h"

#include <string>
#include <vector>

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/verify.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kIdle[] =
    "0F0,0F1,,0B0,0B1\n"
    ",1F0,1B0,1F1,1B1\n";

std::string MessageOf(std::string_view text, const StagePlacement& placement) {
  return std::string(ParseScheduleCsv(text, placement).status().message());
}

struct Artifact {
  std::string name;
  StagePlacement placement;
  int stages;
  int microbatches;
  bool lowered;
};

class ArtifactTest : public testing::TestWithParam<Artifact> {};

TEST_P(ArtifactTest, OfPyTorchRoundTrips) {
  const std::string text =
      ReadFile("tests/golden/schedules/" + GetParam().name).value();
  const ScheduleCsv csv = ParseScheduleCsv(text, GetParam().placement).value();
  EXPECT_EQ(ToCsv(csv), text);
  EXPECT_EQ(csv.schedule.stages(), GetParam().stages);
  EXPECT_EQ(csv.schedule.microbatches, GetParam().microbatches);
  EXPECT_EQ(csv.schedule.copies, 1);
  if (!GetParam().lowered) {
    EXPECT_TRUE(VerifyCompute(csv.schedule).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ArtifactTest,
    testing::Values(
        Artifact{"dualpipev_4x10.csv", Placement::kWave, 8, 10, false},
        Artifact{"dualpipev_4x10.csv", std::vector<int>{0, 1, 2, 3, 3, 2, 1, 0},
                 8, 10, false},
        Artifact{"zb1p_2x8_stages2.csv", Placement::kLoop, 4, 8, false},
        Artifact{"zb1p_2x8_stages2_lowered.csv", Placement::kLoop, 4, 8,
                 true}));

TEST(ScheduleCsvTest, KeepsIdleSlotsApartFromTheProgram) {
  const ScheduleCsv csv = ParseScheduleCsv(kIdle, Placement::kLoop).value();
  EXPECT_EQ(ToString(csv.schedule), "0F0 0F1 0B0 0B1\n1F0 1B0 1F1 1B1\n");
  EXPECT_THAT(csv.idle_slots, ElementsAre(ElementsAre(2), ElementsAre(0)));
  EXPECT_EQ(ToCsv(csv), kIdle);
  EXPECT_EQ(ToCsv(csv.schedule), "0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n");
  EXPECT_EQ(ToCsv(ParseScheduleCsv("0F0,,0B0,,\n", Placement::kLoop).value()),
            "0F0,,0B0,,\n");
}

TEST(ScheduleCsvTest, ReadsLinesOfEitherKindAndAnUnfinishedOne) {
  EXPECT_EQ(
      ToCsv(ParseScheduleCsv("0F0,0B0\r\n1F0,1B0", Placement::kLoop).value()),
      "0F0,0B0\n1F0,1B0\n");
}

TEST(ScheduleCsvTest, ReadsBackWhatAGeneratorMade) {
  const Schedule schedule =
      Generate("1f1b", {.ranks = 3, .microbatches = 5}).value();
  const ScheduleCsv csv =
      ParseScheduleCsv(ToCsv(schedule), Placement::kLoop).value();
  EXPECT_EQ(csv.schedule.programs, schedule.programs);
  EXPECT_EQ(csv.schedule.rank_of_stage, schedule.rank_of_stage);
  EXPECT_EQ(csv.schedule.microbatches, 5);
}

TEST(ScheduleCsvTest, InfersPiecesAndCopies) {
  EXPECT_EQ(ParseScheduleCsv("0F0.0,0F0.1,0B0.1,0B0.0\n", Placement::kLoop)
                ->schedule.pieces,
            2);
  // Two ranks, each the first stage of one copy.
  constexpr char kCopies[] = "0F0,3F1,3B1,0B0\n2F1,1F0,1B0,2B1\n";
  for (const StagePlacement& placement :
       {StagePlacement(Placement::kBidirectional),
        StagePlacement(std::vector<int>{0, 1, 1, 0})}) {
    const Schedule schedule =
        ParseScheduleCsv(kCopies, placement).value().schedule;
    EXPECT_EQ(schedule.copies, 2);
    EXPECT_EQ(schedule.microbatches, 2);
  }
}

TEST(ScheduleCsvTest, AnUpdateNamesAVersionAndNoMicrobatch) {
  EXPECT_EQ(ParseScheduleCsv("0F0@0,0B0@0,0UPDATE7\n", Placement::kLoop)
                ->schedule.microbatches,
            1);
}

TEST(ScheduleCsvTest, RefusesWhatFollowsAnAction) {
  EXPECT_EQ(MessageOf("0F0,0B0\n1F0,1B0,12BANANA\n", Placement::kLoop),
            "row 2, column 3: \"12BANANA\" is not an action such as 2F0, "
            "1SEND_F3 or 0REDUCE_GRAD");
  for (const char* cell :
       {"0F0x", "0F0 ", " 0F0", "0F0 0B0", "(0F0;0B0)OVERLAP_F_Bx", "\"0F0\"",
        "0F0\t", "0f0", "00F0", "0F99999999999", "(0F0;0B0)", "#"}) {
    SCOPED_TRACE(cell);
    EXPECT_THAT(MessageOf(std::string("0F0,") + cell + "\n", Placement::kLoop),
                HasSubstr("row 1, column 2: \""));
  }
}

TEST(ScheduleCsvTest, RefusesStagesThatDoNotFitThePlacement) {
  EXPECT_EQ(MessageOf("0F0\n1F0,2F0\n", Placement::kLoop),
            "3 stages do not fit 2 ranks evenly; give the rank of each stage, "
            "such as 0,1,1,0");
  EXPECT_EQ(MessageOf("0F0\n1F0\n", Placement::kBidirectional),
            "a bidirectional schedule of 2 ranks has 4 stages, not 2");
  EXPECT_EQ(MessageOf("0F0,1F0\n", std::vector<int>{0}),
            "the schedule has stage 1, but the placement names the ranks of 1 "
            "stages");
  EXPECT_EQ(MessageOf("999999999F0\n", Placement::kLoop),
            "there is stage 999999999, but there are only 1 actions");
  for (const char* empty : {"", "\n", ",,\n\n", "OPTIMIZER\n"}) {
    EXPECT_EQ(MessageOf(empty, Placement::kLoop),
              "there is no action of any stage");
  }
}

}  // namespace
}  // namespace penstock
