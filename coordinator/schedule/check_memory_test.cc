#include "coordinator/schedule/check_memory.h"

#include "coordinator/schedule/generators.h"
#include "coordinator/schedule/lower.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

Schedule Lowered(const std::string& program, int microbatches) {
  return {.microbatches = microbatches,
          .rank_of_stage = {0},
          .programs = {ParseProgram(program + " OPTIMIZER").value()}};
}

std::string Refusal(const Schedule& schedule, const StageBytes& bytes,
                    int64_t fixed, int64_t limit) {
  ScheduleMemory memory;
  memory.stages.assign(schedule.rank_of_stage.size(), bytes);
  memory.fixed.assign(schedule.programs.size(), fixed);
  memory.limit.assign(schedule.programs.size(), limit);
  const absl::Status status = CheckMemory(schedule, memory);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  }
  return std::string(status.message());
}

TEST(CheckMemoryTest, NamesTheActionThatOverflows) {
  const Schedule schedule = Lowered("0F0 0F1 0I0 0I1 0W0 0W1", 2);
  const StageBytes bytes{.activation = 10, .deferred = 3};
  EXPECT_EQ(Refusal(schedule, bytes, 100, 126), "");
  EXPECT_EQ(Refusal(schedule, bytes, 100, 125),
            "rank 0, action 3, 0I1: needs 126 bytes at once, 1 over its limit "
            "of 125");
  EXPECT_EQ(Refusal(schedule, bytes, 100, 115),
            "rank 0, action 1, 0F1: needs 120 bytes at once, 5 over its limit "
            "of 115");
  EXPECT_EQ(Refusal(schedule, bytes, 100, 99),
            "rank 0: needs 100 bytes at once, 1 over its limit of 99");
}

TEST(CheckMemoryTest, CountsWhatRecomputationKeeps) {
  const StageBytes bytes{.activation = 10, .kept = 1};
  EXPECT_EQ(Refusal(Lowered("0F0 0F1 0R0 0B0 0R1 0B1", 2), bytes, 0, 12), "");
  EXPECT_EQ(Refusal(Lowered("0F0 0F1 0R0 0B0 0R1 0B1", 2), bytes, 0, 10),
            "rank 0, action 1, 0F1: needs 11 bytes at once, 1 over its limit "
            "of 10");
}

TEST(CheckMemoryTest, CountsStashedVersions) {
  const StageBytes bytes{.activation = 10, .version = 100};
  const Schedule schedule =
      Lowered("0F0@0 0F1@0 0B0@0 0UPDATE1 0B1@0 0UPDATE2", 2);
  EXPECT_EQ(Refusal(schedule, bytes, 0, 110), "");
  EXPECT_EQ(Refusal(schedule, bytes, 0, 109),
            "rank 0, action 3, 0UPDATE1: needs 110 bytes at once, 1 over its "
            "limit of 109");
}

// GPipe holds every micro-batch, 1F1B as many as there are ranks from here on.
TEST(CheckMemoryTest, PeakBytesFollowTheSchedule) {
  ScheduleMemory memory;
  memory.stages.assign(3, {.activation = 100});
  memory.fixed = {1, 2, 3};
  const ScheduleRequest request{.ranks = 3, .microbatches = 8};
  EXPECT_EQ(PeakBytes(*Lower(Generate("gpipe", request).value(), {}), memory),
            (std::vector<int64_t>{801, 802, 803}));
  EXPECT_EQ(PeakBytes(*Lower(Generate("1f1b", request).value(), {}), memory),
            (std::vector<int64_t>{301, 202, 103}));
  // An output that is being sent, the next one, and the first gradient's
  // buffer.
  memory.stages.assign(3, {.before = 1, .after = 10});
  EXPECT_EQ(
      PeakBytes(*Lower(Generate("gpipe", request).value(), {}), memory)[0],
      1 + 2 * 10 + 10);
}

TEST(CheckMemoryTest, RefusesBytesOfAnotherSchedule) {
  EXPECT_EQ(CheckMemory(Lowered("0F0 0B0", 1), {}).message(),
            "bytes of 0 stages, and of 0 ranks with 0 limits, for a schedule "
            "of 1 stages and 1 ranks");
}

}  // namespace
}  // namespace penstock
