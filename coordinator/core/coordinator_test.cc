// What the stories in testdata/ do not tell.
#include "coordinator/core/coordinator.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

absl::StatusOr<Plan> SmallPlan(const JobSpec& spec,
                               const std::vector<DeviceShape>&,
                               const StartPoint& known) {
  Plan plan{.spec = spec, .start = known};
  plan.ranks.resize(spec.parallelism.pipeline);
  return plan;
}

class CoordinatorTest : public testing::Test {
 protected:
  static JobSpec Spec(const std::string& name, int64_t pipeline) {
    JobSpec spec{.name = name, .steps = 10};
    spec.parallelism.pipeline = pipeline;
    return spec;
  }

  // Of worker "w" with `devices` idle devices, but the first as given.
  void Report(int devices, DeviceReport first = {}) {
    WorkerReport report{.incarnation = 1,
                        .sequence = ++sequence_,
                        .answered = sequence_ - 1,
                        .name = "w",
                        .version = "1"};
    report.devices.resize(devices);
    report.devices[0] = std::move(first);
    ASSERT_TRUE(coordinator_.Synchronize(report, now_).ok());
  }

  JobRecord Get(const std::string& name) {
    return coordinator_.Get(name)->record;
  }

  // A job of one rank that runs epoch `epoch` fails with `code`.
  void Fail(uint64_t epoch, absl::StatusCode code) {
    const Assignment assignment{"a", epoch, 0, 0};
    Report(1, {.state = DeviceState::kReady, .assignment = assignment});
    Report(1, {.state = DeviceState::kFailed,
               .assignment = assignment,
               .failure = absl::Status(code, "why")});
    Report(1);
  }

  std::vector<DeviceInstruction> ReportRunning(int64_t step, uint64_t held,
                                               uint64_t in_force);

  std::vector<DeviceInstruction> ReportBoth(
      DeviceState state, uint64_t epoch,
      const std::vector<std::vector<CommunicatorId>>& made);

  absl::Time now_ = absl::UnixEpoch();
  uint64_t sequence_ = 0;
  Coordinator coordinator_{{.version = "1"}, SmallPlan};
};

TEST_F(CoordinatorTest, ARepeatedRequestChangesNothing) {
  Report(1);
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 1), now_).ok());
  ASSERT_TRUE(coordinator_.Cancel("2", "a", now_).ok());
  const uint64_t revision = coordinator_.revision();
  EXPECT_TRUE(coordinator_.Submit("1", Spec("a", 1), now_).ok());
  EXPECT_TRUE(coordinator_.Cancel("2", "a", now_).ok());
  EXPECT_EQ(coordinator_.revision(), revision);
}

TEST_F(CoordinatorTest, RefusesRequestIdsThatAreMissingLongOrUsed) {
  Report(1);
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 1), now_).ok());
  for (const std::string& id :
       {std::string(), std::string(65, 'x'), std::string("1")}) {
    EXPECT_EQ(coordinator_.Submit(id, Spec("b", 1), now_).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(coordinator_.Submit("2", Spec("a", 1), now_).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(CoordinatorTest, AJobThatWaitsIsNotOvertakenByOneThatFits) {
  Report(3);
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 2), now_).ok());
  ASSERT_TRUE(coordinator_.Submit("2", Spec("b", 2), now_).ok());
  ASSERT_TRUE(coordinator_.Submit("3", Spec("c", 1), now_).ok());
  EXPECT_EQ(Get("a").state, JobState::kStarting);
  EXPECT_EQ(Get("b").reason,
            "needs 2 devices of at least 1 MiB; 1 of 3 are free");
  EXPECT_EQ(Get("c").state, JobState::kQueued);
}

TEST_F(CoordinatorTest, WhatCanNeverFitIsRefused) {
  Report(3);
  const absl::Status status =
      coordinator_.Submit("1", Spec("a", 4), now_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "parallelism: 4 x 1 needs 4 devices; the cluster has 3");
}

TEST_F(CoordinatorTest, AJobTakesDevicesOfOneKind) {
  const DeviceReport cuda{.shape = {.kind = "cuda"}};
  Report(3, cuda);
  ASSERT_TRUE(coordinator_.Submit("1", Spec("one", 1), now_).ok());
  ASSERT_TRUE(coordinator_.Submit("2", Spec("two", 2), now_).ok());
  EXPECT_EQ(Get("one").spec.device, DeviceChoice::kCuda);
  EXPECT_EQ(Get("one").places, (std::vector<Place>{{"w", 1, 0}}));
  EXPECT_EQ(Get("two").spec.device, DeviceChoice::kCpu);
  EXPECT_EQ(Get("two").places, (std::vector<Place>{{"w", 1, 1}, {"w", 1, 2}}));
}

TEST_F(CoordinatorTest, AJobWaitsForTheKindThatItAsksFor) {
  Report(3, {.shape = {.kind = "cuda"}});
  JobSpec spec = Spec("first", 1);
  spec.device = DeviceChoice::kCuda;
  ASSERT_TRUE(coordinator_.Submit("1", spec, now_).ok());
  spec.name = "second";
  ASSERT_TRUE(coordinator_.Submit("2", spec, now_).ok());
  EXPECT_EQ(Get("second").reason,
            "needs 1 CUDA device of at least 1 MiB; 0 of 1 are free");
  spec.name = "third";
  spec.parallelism.pipeline = 2;
  EXPECT_EQ(coordinator_.Submit("3", spec, now_).status().message(),
            "parallelism: 2 x 1 needs 2 CUDA devices; the cluster has 2 cpu "
            "and 1 cuda, and a job takes one kind");
}

CommunicatorId Edge(int sender, int receiver, char id) {
  return {.communicator = {.members = {sender, receiver}}, .id = {id}};
}

// Of two devices, both in `state` for `epoch`; returns what they are told.
std::vector<DeviceInstruction> CoordinatorTest::ReportBoth(
    DeviceState state, uint64_t epoch,
    const std::vector<std::vector<CommunicatorId>>& made) {
  WorkerReport report{.incarnation = 1,
                      .sequence = ++sequence_,
                      .answered = sequence_ - 1,
                      .name = "w",
                      .version = "1"};
  for (int rank = 0; rank < 2; ++rank) {
    DeviceReport& device = report.devices.emplace_back();
    device.state = state;
    if (state == DeviceState::kIdle) continue;
    device.assignment = {"a", epoch, 0, rank};
    device.communicators = made[rank];
    if (state == DeviceState::kFailed) {
      device.failure = absl::InternalError("why");
    }
  }
  return coordinator_.Synchronize(report, now_)->devices;
}

TEST_F(CoordinatorTest, TellsTheMembersOfACommunicatorItsIdInItsEpochOnly) {
  ReportBoth(DeviceState::kIdle, 0, {});
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 2), now_).ok());
  // Rank 0 makes the ids of both directions; what rank 1 says of them is not
  // its to say.
  auto told =
      ReportBoth(DeviceState::kReady, 1,
                 {{Edge(0, 1, 'f'), Edge(1, 0, 'b')}, {Edge(0, 1, 'x')}});
  const std::vector<CommunicatorId> first = {Edge(0, 1, 'f'), Edge(1, 0, 'b')};
  EXPECT_EQ(told[0].communicators, first);
  EXPECT_EQ(told[1].communicators, first);
  ReportBoth(DeviceState::kFailed, 1, {{Edge(0, 1, 'f')}, {}});
  ReportBoth(DeviceState::kIdle, 1, {});
  ASSERT_EQ(Get("a").epoch, 2u);
  told = ReportBoth(DeviceState::kReady, 2, {{Edge(0, 1, 'g')}, {}});
  EXPECT_EQ(told[1].communicators,
            std::vector<CommunicatorId>{Edge(0, 1, 'g')});
}

// Both ranks of the first plan of "a", after `step` steps.
std::vector<DeviceInstruction> CoordinatorTest::ReportRunning(
    int64_t step, uint64_t held, uint64_t in_force) {
  WorkerReport report{.incarnation = 1,
                      .sequence = ++sequence_,
                      .answered = sequence_ - 1,
                      .name = "w",
                      .version = "1"};
  for (int rank = 0; rank < 2; ++rank) {
    report.devices.push_back(
        {.state = DeviceState::kRunning,
         .assignment = Assignment{"a", 1, 0, rank},
         .revision = held,
         .progress = {.step = step, .revision = in_force}});
  }
  return coordinator_.Synchronize(report, now_)->devices;
}

TEST_F(CoordinatorTest, SendsALaterRevisionOfThePlanOfARunningJob) {
  JobSpec spec = Spec("a", 2);
  spec.parallelism.schedule = "auto";
  spec.steps = 100;
  ReportBoth(DeviceState::kIdle, 0, {});
  ASSERT_TRUE(coordinator_.Submit("1", spec, now_).ok());
  ReportBoth(DeviceState::kReady, 1, {{}, {}});
  ReportRunning(0, 0, 0);
  ReportRunning(4, 0, 0);
  EXPECT_TRUE(coordinator_.DueRevisions().empty());
  ReportRunning(5, 0, 0);
  const std::vector<DueRevision> due = coordinator_.DueRevisions();
  ASSERT_EQ(due.size(), 1);
  EXPECT_EQ(due[0].after_step, 0);
  EXPECT_EQ(due[0].steps_left, 95);

  Plan next = *due[0].plan;
  next.revision = 1;
  next.schedule = "zb-h1";
  const RevisionOutcome outcome{
      .plan = std::make_shared<const Plan>(std::move(next)),
      .reason = "faster",
      .measured = absl::Seconds(2),
      .predicted = absl::Seconds(1)};
  ASSERT_TRUE(coordinator_.Revise(due[0], outcome, now_).ok());
  // Made for a plan that is not the newest any more.
  EXPECT_TRUE(absl::IsAborted(coordinator_.Revise(due[0], outcome, now_)));
  EXPECT_EQ(ReportRunning(6, 0, 0)[1].plan, outcome.plan);
  EXPECT_EQ(ReportRunning(7, 1, 0)[1].plan, nullptr);
  // Not due again before both ranks have made steps by it.
  ReportRunning(60, 1, 0);
  EXPECT_TRUE(coordinator_.DueRevisions().empty());
  ReportRunning(61, 1, 1);
  ReportRunning(71, 1, 1);
  ASSERT_EQ(coordinator_.DueRevisions().size(), 1);
  EXPECT_EQ(coordinator_.DueRevisions()[0].after_step, 61);
  ASSERT_EQ(Get("a").revisions.size(), 1);
  const RevisionRecord record = Get("a").revisions[0];
  EXPECT_EQ(record.step, 5);
  EXPECT_EQ(record.schedule, "zb-h1");
  EXPECT_EQ(record.reason, "faster");
}

TEST_F(CoordinatorTest, ADrainedWorkerGetsNothingNew) {
  Report(1);
  ASSERT_TRUE(coordinator_.Drain("w", /*undo=*/false, now_).ok());
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 1), now_).ok());
  EXPECT_EQ(Get("a").state, JobState::kQueued);
  ASSERT_TRUE(coordinator_.Drain("w", /*undo=*/true, now_).ok());
  EXPECT_EQ(Get("a").state, JobState::kStarting);
}

TEST_F(CoordinatorTest, GivesUpAfterThreeRestartsWithoutANewStep) {
  Report(1);
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 1), now_).ok());
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    Fail(epoch, absl::StatusCode::kInternal);
    EXPECT_EQ(Get("a").state, JobState::kStarting) << epoch;
  }
  Fail(4, absl::StatusCode::kInternal);
  EXPECT_EQ(Get("a").state, JobState::kFailed);
  EXPECT_EQ(Get("a").reason,
            "gave up after 3 restarts without a new step: replica 0 rank 0 on "
            "w:0: why");
}

TEST_F(CoordinatorTest, AnErrorThatLastsEndsTheJobAtOnce) {
  Report(1);
  ASSERT_TRUE(coordinator_.Submit("1", Spec("a", 1), now_).ok());
  Fail(1, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Get("a").state, JobState::kFailed);
  EXPECT_EQ(Get("a").reason, "replica 0 rank 0 on w:0: why");
}

}  // namespace
}  // namespace penstock
