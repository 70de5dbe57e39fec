#include "worker/agent/agent.h"

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr absl::Duration kLease = absl::Seconds(10);
const Assignment kFirst{"a", 1, 0, 0};
const Assignment kSecond{"a", 2, 0, 0};

// One device; commands are taken as text, "start a/1" and "kill".
class AgentTest : public testing::Test {
 protected:
  WorkerReport Report() { return agent_.MakeReport(now_); }

  // The answer to report `sequence`.
  void Answer(uint64_t sequence, std::optional<Assignment> assignment,
              std::vector<std::string> peers = {}, bool pause = false,
              int64_t acknowledged = 0) {
    agent_.OnInstruction({.sequence = sequence,
                          .lease = kLease,
                          .interval = absl::Seconds(1),
                          .devices = {{assignment, plan_, std::move(peers),
                                       pause, acknowledged}}},
                         now_);
  }

  void Event(const ExecutorEvent& event) {
    agent_.OnExecutorEvent(0, event, now_);
  }

  std::string Commands() {
    std::string text;
    for (const AgentCommand& command : agent_.TakeCommands()) {
      if (!text.empty()) text += " ";
      if (const auto* start = std::get_if<StartExecutor>(&command)) {
        text += fmt::format("start {}/{}", start->assignment.job,
                            start->assignment.epoch);
      } else if (const auto* run = std::get_if<SendRun>(&command)) {
        text += fmt::format("run {}", run->peers.size());
      } else if (const auto* plan = std::get_if<SendRevision>(&command)) {
        text += fmt::format("revise {}", plan->plan->revision);
      } else {
        text += std::holds_alternative<SendPause>(command) ? "pause" : "kill";
      }
    }
    return text;
  }

  // Until the executor runs.
  void Start() {
    Answer(Report().sequence, kFirst);
    Event(ExecutorReady{"w:1"});
    Answer(Report().sequence, kFirst, {"w:1"});
    EXPECT_EQ(Commands(), "start a/1 run 1");
  }

  DeviceState state() { return Report().devices[0].state; }

  absl::Time now_ = absl::UnixEpoch();
  std::shared_ptr<const Plan> plan_ = std::make_shared<const Plan>();
  Agent agent_{{.name = "w",
                .version = "1",
                .incarnation = 1,
                .devices = {{"cpu", 1 << 20, 1e9}}},
               now_};
};

TEST_F(AgentTest, ReportsAtOnceWhatTheCoordinatorWaitsFor) {
  EXPECT_EQ(agent_.next_report_time(), now_);
  const uint64_t sequence = Report().sequence;
  EXPECT_EQ(agent_.next_report_time(), now_ + absl::Seconds(1));
  Answer(sequence, kFirst);
  EXPECT_EQ(agent_.next_report_time(), now_);
  EXPECT_EQ(state(), DeviceState::kPreparing);
  const std::vector<CommunicatorId> made = {
      {.communicator = {.members = {0, 1}}, .id = {'i'}}};
  Event(ExecutorReady{"w:1", made});
  EXPECT_EQ(agent_.next_report_time(), now_);
  const WorkerReport ready = Report();
  EXPECT_EQ(ready.devices[0].state, DeviceState::kReady);
  EXPECT_EQ(ready.devices[0].transport_address, "w:1");
  EXPECT_EQ(ready.devices[0].communicators, made);
  EXPECT_EQ(ready.devices[0].assignment, kFirst);
  EXPECT_EQ(ready.answered, sequence);
  Event(ExecutorProgress{{.step = 1}});
  EXPECT_GT(agent_.next_report_time(), now_);
}

TEST_F(AgentTest, IsIdleOnlyWhenTheExecutorHasExited) {
  Start();
  Answer(Report().sequence, std::nullopt);
  EXPECT_EQ(Commands(), "kill");
  EXPECT_EQ(state(), DeviceState::kRunning);
  Answer(Report().sequence, std::nullopt);
  EXPECT_EQ(Commands(), "");
  Event(ExecutorExited{"killed by signal 9"});
  EXPECT_EQ(state(), DeviceState::kIdle);
}

TEST_F(AgentTest, CountsTheLeaseFromSending) {
  const uint64_t sequence = Report().sequence;
  now_ += absl::Seconds(4);
  Answer(sequence, kFirst);
  EXPECT_EQ(agent_.lease_end(), now_ + absl::Seconds(6));
  EXPECT_EQ(Commands(), "start a/1");
  now_ += absl::Seconds(6) - absl::Nanoseconds(1);
  agent_.Tick(now_);
  EXPECT_EQ(Commands(), "");
  now_ += absl::Nanoseconds(1);
  agent_.Tick(now_);
  EXPECT_EQ(Commands(), "kill");
  EXPECT_EQ(agent_.lease_end(), absl::InfiniteFuture());
}

TEST_F(AgentTest, DropsAnAnswerThatComesAfterItsLease) {
  const uint64_t sequence = Report().sequence;
  now_ += kLease;
  Answer(sequence, kFirst);
  EXPECT_EQ(Commands(), "");
  EXPECT_EQ(Report().answered, 0u);
}

TEST_F(AgentTest, DropsAnswersToOlderReportsAndRepeatedOnes) {
  const uint64_t older = Report().sequence;
  const uint64_t newer = Report().sequence;
  Answer(newer, std::nullopt);
  Answer(older, kFirst);
  Answer(newer, kFirst);
  Answer(newer + 100, kFirst);
  EXPECT_EQ(Commands(), "");
  EXPECT_EQ(Report().answered, newer);
}

TEST_F(AgentTest, ExecutesAnAssignmentOnlyOnce) {
  Start();
  now_ += kLease;
  agent_.Tick(now_);
  Event(ExecutorExited{"killed by signal 9"});
  EXPECT_EQ(Commands(), "kill");
  EXPECT_EQ(state(), DeviceState::kIdle);
  Answer(Report().sequence, kFirst);
  EXPECT_EQ(Commands(), "");
  Answer(Report().sequence, kSecond);
  EXPECT_EQ(Commands(), "start a/2");
}

TEST_F(AgentTest, StartsTheNextAssignmentWhenTheLastHasExited) {
  Start();
  Answer(Report().sequence, kSecond);
  EXPECT_EQ(Commands(), "kill");
  Event(ExecutorExited{"killed by signal 9"});
  EXPECT_EQ(Commands(), "start a/2");
  EXPECT_EQ(state(), DeviceState::kPreparing);
}

TEST_F(AgentTest, AnExecutorThatEndsWithoutAWordHasFailed) {
  Start();
  Event(ExecutorExited{"killed by signal 11"});
  const DeviceReport device = Report().devices[0];
  EXPECT_EQ(device.state, DeviceState::kFailed);
  EXPECT_EQ(
      device.failure,
      absl::UnavailableError("the executor ended early: killed by signal 11"));
}

TEST_F(AgentTest, KeepsTheFirstErrorAndTheEndThroughExitAndLease) {
  Start();
  Event(ExecutorFailed{absl::DataLossError("shard damaged")});
  Event(ExecutorExited{"exited with 1"});
  now_ += kLease;
  agent_.Tick(now_);
  EXPECT_EQ(Commands(), "");
  EXPECT_EQ(Report().devices[0].failure, absl::DataLossError("shard damaged"));
  Answer(Report().sequence, std::nullopt);
  EXPECT_EQ(state(), DeviceState::kIdle);
}

TEST_F(AgentTest, TellsTheExecutorToPauseOnce) {
  Start();
  Answer(Report().sequence, kFirst, {"w:1"}, /*pause=*/true);
  Answer(Report().sequence, kFirst, {"w:1"}, /*pause=*/true);
  EXPECT_EQ(Commands(), "pause");
}

TEST_F(AgentTest, GivesEachRevisionOfThePlanToTheExecutorOnce) {
  Start();
  EXPECT_EQ(Report().devices[0].revision, 0);
  Plan revised;
  revised.revision = 2;
  plan_ = std::make_shared<const Plan>(std::move(revised));
  Answer(Report().sequence, kFirst, {"w:1"});
  EXPECT_EQ(Commands(), "revise 2");
  EXPECT_EQ(Report().devices[0].revision, 2);
  Answer(Report().sequence, kFirst, {"w:1"});
  EXPECT_EQ(Commands(), "");
  // An answer that comes late, with the plan before.
  plan_ = std::make_shared<const Plan>();
  Answer(Report().sequence, kFirst, {"w:1"});
  EXPECT_EQ(Commands(), "");
}

TEST_F(AgentTest, SendsMetricsUntilTheyAreAcknowledged) {
  Start();
  for (int step = 1; step <= 300; ++step) {
    Event(ExecutorMetrics{{.step = step}});
  }
  Event(ExecutorFinished{{.step = 300}});
  EXPECT_EQ(Report().devices[0].metrics.size(), 256u);
  const WorkerReport again = Report();
  EXPECT_EQ(again.devices[0].metrics.front().step, 1);
  // Finished only with the last of them in the report.
  EXPECT_EQ(again.devices[0].state, DeviceState::kRunning);
  Answer(again.sequence, kFirst, {"w:1"}, false, 256);
  EXPECT_EQ(agent_.next_report_time(), now_);
  const DeviceReport last = Report().devices[0];
  EXPECT_EQ(last.metrics.front().step, 257);
  EXPECT_EQ(last.metrics.back().step, 300);
  EXPECT_EQ(last.state, DeviceState::kFinished);
}

TEST_F(AgentTest, ForgetsTheOldestMetricsWhenThereAreTooMany) {
  Start();
  for (int step = 1; step <= 4100; ++step) {
    Event(ExecutorMetrics{{.step = step}});
  }
  EXPECT_EQ(Report().devices[0].metrics.front().step, 5);
}

TEST_F(AgentTest, SendsLogsAndTracesOnce) {
  Start();
  Event(ExecutorLog{{.text = "loaded"}});
  Event(ExecutorTrace{{.step = 1}});
  const DeviceReport device = Report().devices[0];
  EXPECT_EQ(device.logs.size(), 1u);
  EXPECT_EQ(device.traces.size(), 1u);
  EXPECT_TRUE(Report().devices[0].logs.empty());
  EXPECT_TRUE(Report().devices[0].traces.empty());
}

TEST_F(AgentTest, StopEndsAllAndStartsNothing) {
  Start();
  agent_.Stop();
  EXPECT_EQ(Commands(), "kill");
  EXPECT_FALSE(agent_.AllExited());
  Event(ExecutorExited{"killed by signal 9"});
  EXPECT_TRUE(agent_.AllExited());
  Answer(Report().sequence, kSecond);
  EXPECT_EQ(Commands(), "");
}

}  // namespace
}  // namespace penstock
