#include "coordinator/schedule/generators.h"

#include <algorithm>

#include "coordinator/schedule/lower.h"
#include "coordinator/schedule/schedule_catalog.h"
#include "coordinator/schedule/unit_times.h"
#include "coordinator/schedule/verify.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

struct Golden {
  const char* schedule;
  ScheduleRequest request;
  const char* file;
};

// ScheduleRequest's first fields: ranks, microbatches, stages_per_rank,
// group_size, slack, pieces.
const Golden kGolden[] = {
    {"naive", {4, 8}, "naive_4x8"},
    {"gpipe", {4, 8}, "gpipe_4x8"},
    {"gpipe-lifo", {4, 8}, "gpipe-lifo_4x8"},
    {"1f1b", {4, 8}, "1f1b_4x8"},
    {"1f1b", {4, 2}, "1f1b_4x2"},
    {"1f1b-slack", {4, 8, 0, 0, 2}, "1f1b-slack_4x8k2"},
    {"interleaved-1f1b", {2, 4, 2}, "interleaved-1f1b_2x4v2"},
    {"interleaved-1f1b", {4, 8, 2}, "interleaved-1f1b_4x8v2"},
    {"interleaved-1f1b", {4, 8, 2, 4}, "interleaved-1f1b_4x8v2g4"},
    {"interleaved-1f1b", {2, 5, 2, 3}, "interleaved-1f1b_2x5v2g3"},
    {"interleaved-1f1b", {4, 9, 2, 5}, "interleaved-1f1b_4x9v2g5"},
    {"looped-bfs", {4, 4, 2}, "looped-bfs_4x4v2"},
    {"looped-bfs", {4, 8, 2}, "looped-bfs_4x8v2"},
    {"looped-bfs", {4, 8, 3}, "looped-bfs_4x8v3"},
    {"zb-h1", {4, 8}, "zb-h1_4x8"},
    {"zb-h1", {4, 4}, "interleaved-zb_4x4v1"},
    {"zb-h1", {4, 12}, "interleaved-zb_4x12v1"},
    {"zb-h2", {4, 8}, "zb-h2_4x8"},
    {"interleaved-zb", {4, 4, 1}, "interleaved-zb_4x4v1"},
    {"interleaved-zb", {4, 8, 1}, "interleaved-zb_4x8v1"},
    {"interleaved-zb", {4, 12, 1}, "interleaved-zb_4x12v1"},
    {"interleaved-zb", {2, 8, 2}, "interleaved-zb_2x8v2"},
    {"interleaved-zb", {4, 4, 2}, "interleaved-zb_4x4v2"},
    {"interleaved-zb", {4, 8, 2}, "interleaved-zb_4x8v2"},
    {"interleaved-zb", {4, 12, 2}, "interleaved-zb_4x12v2"},
    {"zbv", {2, 4}, "zbv_2x4"},
    {"zbv", {2, 8}, "zbv_2x8"},
    {"zbv", {4, 3}, "zbv_4x3"},
    {"zbv", {4, 7}, "zbv_4x7"},
    {"zbv", {4, 8}, "zbv_4x8"},
    {"zbv", {4, 12}, "zbv_4x12"},
    {"chimera", {4, 4}, "chimera_4x4"},
    {"dualpipe", {2, 4}, "dualpipe_2x4"},
    {"dualpipe", {4, 8}, "dualpipe_4x8"},
    {"dualpipe", {4, 10}, "dualpipe_4x10"},
    {"dualpipev", {2, 4}, "dualpipev_2x4"},
    {"dualpipev", {4, 10}, "dualpipev_4x10"},
    {"seq1f1b", {2, 4, 0, 0, 0, 2}, "seq1f1b_2x4q2"},
    {"pipedream", {2, 6}, "pipedream_2x6"},
    {"pipedream", {4, 10}, "pipedream_4x10"},
    {"pipedream",
     {.ranks = 2, .microbatches = 6, .vertical_sync = true},
     "pipedream_2x6sync"},
    {"pipedream",
     {.ranks = 4, .microbatches = 10, .vertical_sync = true},
     "pipedream_4x10sync"},
    {"pipedream-2bw", {2, 8}, "pipedream-2bw_2x8u2"},
    {"pipedream-2bw",
     {.ranks = 4, .microbatches = 16, .update_every = 4},
     "pipedream-2bw_4x16u4"},
};

TEST(GeneratorsTest, ListsEqualTheReference) {
  for (const Golden& golden : kGolden) {
    SCOPED_TRACE(golden.file);
    const auto schedule = Generate(golden.schedule, golden.request);
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    const std::string path =
        "tests/golden/schedules/" + std::string(golden.file) + ".txt";
    EXPECT_EQ(ToString(*schedule), ReadFile(path).value());
  }
}

TEST(GeneratorsTest, OneStageIsGradientAccumulation) {
  for (const char* name : {"naive", "1f1b", "1f1b-slack"}) {
    const auto schedule = Generate(name, {.ranks = 1, .microbatches = 2});
    ASSERT_TRUE(schedule.ok());
    EXPECT_EQ(ToString(*schedule), "0F0 0B0 0F1 0B1\n");
  }
}

std::string Refusal(std::string_view name, const ScheduleRequest& request) {
  const auto schedule = Generate(name, request);
  EXPECT_EQ(schedule.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(schedule.status().message());
}

TEST(GeneratorsTest, RefusesUnknownNamesAndEmptyShapes) {
  EXPECT_TRUE(Refusal("gpip", {1, 1})
                  .starts_with("no schedule is called \"gpip\"; there are "
                               "naive, gpipe, gpipe-lifo, "));
  EXPECT_TRUE(Refusal("gpip", {1, 1}).ends_with("; did you mean gpipe?"));
  EXPECT_EQ(Refusal("1f1b", {0, 3}),
            "a schedule needs at least one rank and one micro-batch, not 0 "
            "and 3");
  EXPECT_EQ(Refusal("1f1b", {1 << 17, 3}),
            "131072 ranks, 3 micro-batches: a schedule has at most 65536 "
            "stages, and at most 268435456 pairs of a stage and a "
            "micro-batch");
}

struct Illegal {
  const char* name;
  ScheduleRequest request;
  const char* message;
};

const Illegal kIllegal[] = {
    Illegal{"interleaved-1f1b",
            {4, 9},
            "interleaved-1f1b: microbatches is 9, but must be a multiple "
            "of its number of rounds over 4 ranks, 2; nearest legal: 8 or "
            "10; or with group_size 5"},
    Illegal{"interleaved-1f1b",
            {4, 8, 2, 3},
            "interleaved-1f1b: group_size is 3, but must be 4..8, with a "
            "last group of at least 4; nearest legal: 4"},
    Illegal{"interleaved-1f1b",
            {4, 9, 2, 7},
            "interleaved-1f1b: group_size is 7, but must be 4..9, with a "
            "last group of at least 4; nearest legal: 5 or 9"},
    Illegal{"interleaved-1f1b",
            {4, 8, 1},
            "interleaved-1f1b: stages_per_rank is 1, but must be at least "
            "2; nearest legal: 2"},
    Illegal{"interleaved-zb",
            {4, 11},
            "interleaved-zb: microbatches is 11, but must be a multiple of "
            "its number of rounds over 4 ranks, 2; nearest legal: 10 or "
            "12; or with group_size 6"},
    Illegal{"chimera",
            {3, 4},
            "chimera: ranks is 3, but must be even; nearest legal: 2 or "
            "4"},
    Illegal{"chimera",
            {4, 5},
            "chimera: microbatches is 5, but must be even; nearest legal: "
            "4 or 6"},
    Illegal{"hanayo",
            {4, 8, 3},
            "hanayo: stages_per_rank is 3, but must be even; nearest "
            "legal: 2 or 4"},
    Illegal{"dualpipe",
            {5, 20},
            "dualpipe: ranks is 5, but must be even; nearest legal: 4 or "
            "6"},
    Illegal{"dualpipe",
            {4, 7},
            "dualpipe: microbatches is 7, but must be even and at least "
            "twice the 4 ranks; nearest legal: 8"},
    Illegal{"dualpipev",
            {4, 7},
            "dualpipev: microbatches is 7, but must be at least twice the "
            "4 ranks; nearest legal: 8"},
    Illegal{"seq1f1b",
            {.ranks = 2, .microbatches = 2, .pieces = 128},
            "seq1f1b: pieces is 128, but must be at most 127; nearest "
            "legal: 127"},
    Illegal{"pipedream",
            {2, 40000},
            "pipedream: microbatches is 40000, but must be at most 32768; "
            "nearest legal: 32768"},
    Illegal{"pipedream-2bw",
            {.ranks = 4, .microbatches = 8, .update_every = 3},
            "pipedream-2bw: update_every is 3, but must be at least the 4 "
            "ranks; nearest legal: 4"},
    Illegal{"pipedream-2bw",
            {4, 9},
            "pipedream-2bw: microbatches is 9, but must be a multiple of "
            "update_every, 4, at most 32767 of them; nearest legal: 8 or "
            "12"},
    Illegal{"1f1b-slack",
            {.ranks = 4, .microbatches = 8, .costs = ScheduleCosts{}},
            "1f1b-slack: costs of 0 stages and 0 hops for 4 ranks; times "
            "must be >= 0"},
};

TEST(GeneratorsTest, RefusesIllegalShapesAndNamesTheNearest) {
  for (const Illegal& illegal : kIllegal) {
    EXPECT_EQ(Refusal(illegal.name, illegal.request), illegal.message);
  }
}

TEST(GeneratorsTest, AdaptiveSlackCoversLatency) {
  ScheduleRequest request{4, 16};
  const auto warm_up = [&] {
    std::vector<int> peaks;
    const Schedule schedule = Generate("1f1b-slack", request).value();
    for (const std::vector<Action>& program : schedule.programs) {
      const auto first = std::find_if(
          program.begin(), program.end(), [](const Action& action) {
            return action.kind == ActionKind::kBackward;
          });
      peaks.push_back(static_cast<int>(first - program.begin()));
    }
    return peaks;
  };
  request.costs =
      ScheduleCosts{.stages = std::vector<StageTimes>(4, StageTimes{1, 1, 1}),
                    .hops = std::vector<Hop>(3)};
  EXPECT_EQ(warm_up(), (std::vector<int>{4, 3, 2, 1}));
  request.costs->hops[1] = {.latency = 1, .occupancy = 1};
  EXPECT_EQ(warm_up(), (std::vector<int>{6, 5, 2, 1}));
  request.costs->stages[2].forward = 3;
  EXPECT_EQ(warm_up(), (std::vector<int>{5, 4, 2, 1}));
  request.costs->hops[0].latency = 1e9;
  EXPECT_EQ(warm_up(), (std::vector<int>{16, 4, 2, 1}));
}

// Every schedule of every small shape that it does not refuse is complete,
// ends, and keeps the promises that the catalog makes for it.
TEST(GeneratorsTest, EverySmallScheduleIsRight) {
  int schedules = 0;
  for (const ScheduleInfo& info : ScheduleCatalog()) {
    for (int ranks = 1; ranks <= 6; ++ranks) {
      for (int microbatches = 1; microbatches <= 17; ++microbatches) {
        for (int option = 0; option <= 6; ++option) {
          ScheduleRequest request{ranks, microbatches};
          if (info.fields & kGroupSize) request.group_size = option;
          if (info.fields & kSlack) request.slack = option;
          if (info.fields & kPieces) request.pieces = option;
          if (info.fields & kActivationsMax) request.activations_max = option;
          if (info.fields & kUpdateEvery) request.update_every = option;
          if (info.fields & kVerticalSync) request.vertical_sync = option == 1;
          if (info.fields == 0 && option > 0) break;
          const int rounds_max = info.stages_per_rank == 0 ? 4 : 0;
          for (int rounds = 0; rounds <= rounds_max; ++rounds) {
            request.stages_per_rank = rounds;
            const auto schedule = Generate(info.name, request);
            if (!schedule.ok()) continue;
            ++schedules;
            SCOPED_TRACE(testing::Message()
                         << info.name << " " << ranks << "x" << microbatches
                         << " v" << rounds << " option " << option);
            ASSERT_EQ(VerifyCompute(*schedule), absl::OkStatus());
            if (ranks > 4 || microbatches > 9) continue;
            ASSERT_EQ(ExecuteInUnits(*schedule).error, "");
            const auto lowered =
                Lower(*schedule, {.reduce_gradients = info.synchronous});
            ASSERT_TRUE(lowered.ok()) << lowered.status();
            ASSERT_EQ(VerifyLowered(*lowered).status(), absl::OkStatus());
          }
        }
      }
    }
  }
  EXPECT_GT(schedules, 5000);
}

TEST(GeneratorsTest, SumsWeightGradientsAsTheCatalogSays) {
  for (const ScheduleInfo& info : ScheduleCatalog()) {
    const Schedule schedule = Generate(info.name, {4, 16}).value();
    bool in_order = schedule.copies == 1 && schedule.pieces == 1;
    bool splits = false;
    bool versions = false;
    for (const std::vector<Action>& program : schedule.programs) {
      std::vector<int> last(schedule.stages(), -1);
      for (const Action& action : program) {
        splits |= action.kind == ActionKind::kBackwardInput;
        versions |= action.version >= 0;
        if (action.kind != ActionKind::kBackward &&
            action.kind != ActionKind::kBackwardWeight) {
          continue;
        }
        in_order &= action.microbatch > last[action.stage];
        last[action.stage] = action.microbatch;
      }
    }
    EXPECT_EQ(in_order, !info.own_summation_order) << info.name;
    EXPECT_EQ(splits, info.splits_backward) << info.name;
    EXPECT_EQ(versions, !info.synchronous) << info.name;
  }
}

}  // namespace
}  // namespace penstock
