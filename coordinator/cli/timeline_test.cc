#include "coordinator/cli/timeline.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

void AddTrace(v1::GetTraceResponse& response, int step, int rank,
              int64_t start_us, const std::vector<uint32_t>& times) {
  v1::StepTrace& trace = *response.add_traces();
  trace.set_step(step);
  trace.set_rank(rank);
  trace.set_start_us(start_us);
  for (size_t i = 0; i < times.size(); i += 2) {
    trace.add_begin_us(times[i]);
    trace.add_end_us(times[i + 1]);
  }
}

v1::GetTraceResponse TwoRanks() {
  v1::GetTraceResponse response;
  v1::Plan& plan = *response.mutable_job()->mutable_plan();
  plan.set_replicas(1);
  plan.add_ranks()->set_program("0F0 0SEND_F0 0B0 OPTIMIZER");
  plan.add_ranks()->set_program("1RECV_F0 1F0 1I0 1W0");
  AddTrace(response, 5, 1, 1010, {0, 5, 0, 10, 10, 20, 20, 30});
  AddTrace(response, 5, 0, 1000, {0, 10, 10, 11, 40, 60, 60, 70});
  return response;
}

TEST(TimelineTest, DrawsTheComputeOfEachRankOnOneClock) {
  const auto rows = MakeTimeline(TwoRanks(), 12);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].rank, 0);
  EXPECT_EQ(rows[0].cells, "FF......BBBB");
  EXPECT_EQ(rows[1].cells, "..FFIIWW....");
}

TEST(TimelineTest, WaitsForTheStepOfEveryRank) {
  v1::GetTraceResponse response = TwoRanks();
  AddTrace(response, 6, 0, 2000, {0, 50, 50, 51, 51, 52, 60, 70});
  EXPECT_EQ(MakeTimeline(response, 6)[0].cells, "F...BB");
}

TEST(TimelineTest, IsEmptyWithoutTraces) {
  EXPECT_TRUE(MakeTimeline({}, 10).empty());
  v1::GetTraceResponse response = TwoRanks();
  response.mutable_traces()->RemoveLast();
  EXPECT_TRUE(MakeTimeline(response, 10).empty());
}

TEST(TimelineTest, IgnoresATraceThatDoesNotMatchItsProgram) {
  v1::GetTraceResponse response = TwoRanks();
  response.mutable_traces(0)->set_rank(7);
  response.mutable_traces(1)->clear_end_us();
  EXPECT_TRUE(MakeTimeline(response, 10).empty());
}

}  // namespace
}  // namespace penstock
