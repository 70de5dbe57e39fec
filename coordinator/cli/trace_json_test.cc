#include "coordinator/cli/trace_json.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

using nlohmann::json;

v1::StepTrace MakeTrace(int rank, int64_t start_us,
                        const std::vector<uint32_t>& times) {
  v1::StepTrace trace;
  trace.set_step(5);
  trace.set_rank(rank);
  trace.set_start_us(start_us);
  for (size_t i = 0; i < times.size(); i += 2) {
    trace.add_begin_us(times[i]);
    trace.add_end_us(times[i + 1]);
  }
  return trace;
}

v1::GetTraceResponse TwoRanks() {
  v1::GetTraceResponse response;
  v1::Job& job = *response.mutable_job();
  job.mutable_plan()->set_replicas(1);
  job.mutable_plan()->add_ranks()->set_program(
      "0F0 0SEND_F0 0F1 0SEND_F1 0B0 OPTIMIZER");
  job.mutable_plan()->add_ranks()->set_program("1RECV_F0 1F0");
  v1::RankStatus& status = *job.add_ranks();
  status.set_rank(1);
  status.set_worker("worker-\"1\"");
  // The second send begins before the first has ended.
  *response.add_traces() =
      MakeTrace(0, 1000, {0, 10, 10, 35, 10, 20, 20, 40, 50, 60, 60, 70});
  *response.add_traces() = MakeTrace(1, 1005, {0, 30, 30, 50});
  *response.add_planned() =
      MakeTrace(0, 0, {0, 9, 9, 10, 9, 18, 18, 19, 40, 58, 58, 60});
  *response.add_planned() = MakeTrace(1, 0, {0, 10, 10, 19});
  return response;
}

json EventsOf(const v1::GetTraceResponse& response) {
  const auto text = TraceJson(response);
  EXPECT_TRUE(text.ok()) << text.status();
  if (!text.ok()) return json::array();
  const json parsed = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(parsed.is_discarded());
  return parsed["traceEvents"];
}

// Begin and length by process, track and action.
std::map<std::tuple<std::string, std::string, std::string>, std::pair<int, int>>
SlicesOf(const json& events) {
  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::string> tracks;
  for (const json& event : events) {
    if (event["name"] == "process_name") {
      processes[event["pid"]] = event["args"]["name"];
    } else if (event["name"] == "thread_name") {
      tracks[{event["pid"], event["tid"]}] = event["args"]["name"];
    }
  }
  std::map<std::tuple<std::string, std::string, std::string>,
           std::pair<int, int>>
      slices;
  for (const json& event : events) {
    if (event["ph"] != "X") continue;
    slices[{processes[event["pid"]], tracks[{event["pid"], event["tid"]}],
            event["name"]}] = {event["ts"], event["dur"]};
  }
  return slices;
}

TEST(TraceJsonTest, HasAMeasuredAndAPlannedTrackPerRank) {
  auto slices = SlicesOf(EventsOf(TwoRanks()));
  EXPECT_EQ(slices.size(), 16u);
  const auto at = [&](const char* process, const char* track,
                      const char* action) {
    return slices[{process, track, action}];
  };
  EXPECT_EQ(at("replica 0 rank 0", "measured", "0F1"), std::pair(10, 10));
  EXPECT_EQ(at("replica 0 rank 0", "measured", "OPTIMIZER"), std::pair(60, 10));
  EXPECT_EQ(at("replica 0 rank 0", "planned", "0B0"), std::pair(40, 18));
  EXPECT_EQ(at("replica 0 rank 1 (worker-\"1\")", "measured", "1F0"),
            std::pair(35, 20));
  EXPECT_EQ(at("replica 0 rank 1 (worker-\"1\")", "planned", "1F0"),
            std::pair(10, 9));
}

TEST(TraceJsonTest, PutsOverlappingTransfersOnSeparateTracks) {
  auto slices = SlicesOf(EventsOf(TwoRanks()));
  const std::string rank = "replica 0 rank 0";
  EXPECT_EQ((slices[{rank, "measured transfers", "0SEND_F0"}]),
            std::pair(10, 25));
  EXPECT_EQ((slices[{rank, "measured transfers 2", "0SEND_F1"}]),
            std::pair(20, 20));
}

TEST(TraceJsonTest, SaysStepStageAndMicroBatch) {
  for (const json& event : EventsOf(TwoRanks())) {
    if (event["name"] == "0F1") {
      EXPECT_EQ(event["args"],
                json({{"step", 5}, {"stage", 0}, {"microbatch", 1}}));
    } else if (event["name"] == "OPTIMIZER") {
      EXPECT_EQ(event["args"], json({{"step", 5}}));
    }
  }
}

TEST(TraceJsonTest, AlignsRanksWhoseClocksDiffer) {
  v1::GetTraceResponse response = TwoRanks();
  response.mutable_traces(1)->set_start_us(99'000'000);
  auto slices = SlicesOf(EventsOf(response));
  EXPECT_EQ((slices[{"replica 0 rank 1 (worker-\"1\")", "measured", "1F0"}]),
            std::pair(30, 20));
}

TEST(TraceJsonTest, LeavesOutTracesOfAnotherPlan) {
  v1::GetTraceResponse response = TwoRanks();
  response.mutable_traces(1)->set_rank(2);
  EXPECT_EQ(SlicesOf(EventsOf(response)).size(), 14u);
  response.mutable_traces(0)->add_end_us(1);
  EXPECT_EQ(TraceJson(response).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TraceJsonTest, SaysThatThereIsNothingYet) {
  EXPECT_EQ(TraceJson({}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace penstock
