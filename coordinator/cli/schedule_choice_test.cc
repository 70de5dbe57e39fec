#include "coordinator/cli/schedule_choice.h"

#include <string>

#include "coordinator/schedule/simulate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

ScheduleFlags Flags(const std::string& name) {
  ScheduleFlags flags{.name = name};
  flags.request.ranks = 4;
  flags.request.microbatches = 8;
  flags.budget = "200";
  return flags;
}

const CostFlags kSlowLinks = {.transfer_us = {2}};

double MakespanOf(const ChosenSchedule& chosen) {
  return Simulate(chosen.schedule, chosen.costs).value().makespan;
}

TEST(ScheduleChoiceTest, AutoIsNeverWorseThanANamedSchedule) {
  const ChosenSchedule chosen =
      ChooseSchedule(Flags("auto"), kSlowLinks).value();
  ASSERT_TRUE(chosen.synthesis.has_value());
  EXPECT_LE(MakespanOf(chosen),
            MakespanOf(ChooseSchedule(Flags("1f1b"), kSlowLinks).value()));
  EXPECT_GE(MakespanOf(chosen), chosen.synthesis->lower_bound);
  EXPECT_EQ(ToString(chosen.schedule),
            ToString(ChooseSchedule(Flags("auto"), kSlowLinks)->schedule));
  EXPECT_THAT(SynthesisText(*chosen.synthesis), HasSubstr("lower bound"));
  EXPECT_EQ(SynthesisJson(*chosen.synthesis)["lower_bound_us"],
            chosen.synthesis->lower_bound);
}

TEST(ScheduleChoiceTest, RecomputationJoinsAnySchedule) {
  ScheduleFlags flags = Flags("1f1b");
  const double without = MakespanOf(ChooseSchedule(flags, {}).value());
  flags.recompute = "always";
  EXPECT_GT(MakespanOf(ChooseSchedule(flags, {}).value()), without);
}

TEST(ScheduleChoiceTest, NamesTheFlagThatIsWrong) {
  ScheduleFlags flags = Flags("auto");
  flags.budget = "soon";
  EXPECT_THAT(std::string(ChooseSchedule(flags, {}).status().message()),
              HasSubstr("--budget: \"soon\""));
  flags = Flags("auto");
  flags.request.stages_per_rank = 2'000'000'000;
  EXPECT_THAT(std::string(ChooseSchedule(flags, {}).status().message()),
              HasSubstr("auto needs 1 to 4096 stages"));
  EXPECT_THAT(std::string(ChooseSchedule(Flags(""), {}).status().message()),
              HasSubstr("--schedule is missing"));
}

}  // namespace
}  // namespace penstock
