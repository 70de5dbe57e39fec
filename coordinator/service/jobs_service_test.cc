// The services through real stubs, with workers that the test plays.

#include "coordinator/service/jobs_service.h"

#include <set>
#include <thread>

#include "coordinator/service/service_fixture.h"

namespace penstock {
namespace {

class JobsServiceTest : public ServiceTest {
 protected:
  JobsServiceTest() { StartServer(); }

  std::vector<v1::StepMetrics> Metrics(const std::string& name, bool follow) {
    v1::WatchMetricsRequest request;
    request.set_name(name);
    request.set_follow(follow);
    const auto context = NewContext();
    const auto reader = jobs_->WatchMetrics(context.get(), request);
    std::vector<v1::StepMetrics> all;
    v1::StepMetrics metrics;
    while (reader->Read(&metrics)) all.push_back(metrics);
    EXPECT_TRUE(reader->Finish().ok());
    return all;
  }
};

TEST_F(JobsServiceTest, BringsAJobFromSubmissionToSuccess) {
  RunJob("sim");
  std::vector<v1::JobState> states;
  std::thread watcher([&] {
    v1::WatchRequest request;
    request.set_name("sim");
    const auto context = NewContext();
    const auto reader = jobs_->Watch(context.get(), request);
    v1::Job job;
    uint64_t revision = 0;
    while (reader->Read(&job)) {
      EXPECT_GT(job.revision(), revision);
      revision = job.revision();
      states.push_back(job.state());
    }
    EXPECT_TRUE(reader->Finish().ok());
  });
  for (FakeWorker* worker : {first_.get(), second_.get()}) {
    worker->Obey(internal::v1::FINISHED);
    worker->device().mutable_progress()->set_step(10);
    worker->device().add_metrics()->set_step(10);
    ASSERT_TRUE(worker->Report());
  }
  watcher.join();
  EXPECT_EQ(Metrics("sim", /*follow=*/true).size(), 1);
  ASSERT_FALSE(states.empty());
  EXPECT_EQ(states.back(), v1::JOB_STATE_SUCCEEDED);
  for (FakeWorker* worker : {first_.get(), second_.get()}) {
    ASSERT_TRUE(worker->Report());
    EXPECT_FALSE(worker->instruction().has_assignment());
  }
}

TEST_F(JobsServiceTest, KeepsMetricsOfEachStepOnceAndAcknowledgesThem) {
  RunJob("sim");
  FakeWorker& leader =
      first_->instruction().assignment().rank() == 0 ? *first_ : *second_;
  for (const int last : {2, 3}) {
    for (int step = 1; step <= last; ++step) {
      v1::StepMetrics* metrics = leader.device().add_metrics();
      metrics->set_step(step);
      metrics->set_loss(5.0 - step);
    }
    ASSERT_TRUE(leader.Report());
    EXPECT_EQ(leader.instruction().metrics_acknowledged(), last);
  }
  const std::vector<v1::StepMetrics> metrics = Metrics("sim", false);
  ASSERT_EQ(metrics.size(), 3);
  EXPECT_EQ(metrics[2].step(), 3);
  EXPECT_EQ(metrics[2].loss(), 2.0);
}

TEST_F(JobsServiceTest, GivesLogsAndTracesOfARunningJob) {
  RunJob("sim");
  v1::LogLine* line = first_->device().add_logs();
  line->set_source("replica 0 rank 0 (w1)");
  line->set_level("info");
  line->set_text("hello");
  for (int step = 1; step <= 20; ++step) {
    v1::StepTrace* trace = first_->device().add_traces();
    trace->set_step(step);
    trace->add_begin_us(1);
    trace->add_end_us(2);
  }
  ASSERT_TRUE(first_->Report());
  v1::ReadLogsRequest logs;
  logs.set_name("sim");
  const auto context = NewContext();
  const auto reader = jobs_->ReadLogs(context.get(), logs);
  std::set<std::string> texts;
  v1::LogLine read;
  while (reader->Read(&read)) texts.insert(read.text());
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(texts.contains("hello"));
  v1::GetTraceRequest request;
  request.set_name("sim");
  v1::GetTraceResponse response;
  ASSERT_TRUE(jobs_->GetTrace(NewContext().get(), request, &response).ok());
  ASSERT_EQ(response.traces_size(), 16);
  EXPECT_EQ(response.traces(15).step(), 20);
  EXPECT_EQ(response.planned_size(), 2);
  EXPECT_GT(response.planned(0).end_us_size(), 0);
  request.set_steps(1);
  ASSERT_TRUE(jobs_->GetTrace(NewContext().get(), request, &response).ok());
  EXPECT_EQ(response.traces_size(), 1);
}

TEST_F(JobsServiceTest, MakesOneJobOfARepeatedSubmission) {
  RunJob("sim");
  v1::Job again;
  const grpc::Status status = Submit("submit-sim", SimJob("sim"), &again);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(again.state(), v1::JOB_STATE_RUNNING);
  v1::ListResponse list;
  ASSERT_TRUE(jobs_->List(NewContext().get(), {}, &list).ok());
  EXPECT_EQ(list.jobs_size(), 1);
}

TEST_F(JobsServiceTest, ResumesAWatchAfterTheGivenRevisionOnly) {
  RunJob("sim");
  v1::Job job;
  ASSERT_TRUE(Get("sim", &job).ok());
  v1::CancelRequest cancel;
  cancel.set_request_id("cancel");
  cancel.set_name("sim");
  v1::Job cancelled;
  ASSERT_TRUE(jobs_->Cancel(NewContext().get(), cancel, &cancelled).ok());
  v1::WatchRequest request;
  request.set_name("sim");
  request.set_after_revision(job.revision());
  const auto context = NewContext();
  const auto reader = jobs_->Watch(context.get(), request);
  v1::Job seen;
  ASSERT_TRUE(reader->Read(&seen));
  EXPECT_EQ(seen.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_FALSE(reader->Read(&seen));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(JobsServiceTest, ListsInPages) {
  first_ = std::make_unique<FakeWorker>(channel_, "w1");
  second_ = std::make_unique<FakeWorker>(channel_, "w2");
  ASSERT_TRUE(first_->Report() && second_->Report());
  v1::Job job;
  for (const std::string name : {"a", "b", "c"}) {
    const grpc::Status status = Submit(name, SimJob(name), &job);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  v1::ListRequest request;
  request.set_page_size(2);
  v1::ListResponse page;
  ASSERT_TRUE(jobs_->List(NewContext().get(), request, &page).ok());
  ASSERT_EQ(page.jobs_size(), 2);
  EXPECT_EQ(page.jobs(0).spec().name(), "c");
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(jobs_->List(NewContext().get(), request, &page).ok());
  ASSERT_EQ(page.jobs_size(), 1);
  EXPECT_EQ(page.jobs(0).spec().name(), "a");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(JobsServiceTest, GoesOnAfterARestart) {
  RunJob("sim");
  v1::Job before;
  ASSERT_TRUE(Get("sim", &before).ok());
  StopServer();
  StartServer();
  v1::Job after;
  ASSERT_TRUE(Get("sim", &after).ok());
  EXPECT_EQ(after.state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(after.epoch(), before.epoch());
  EXPECT_EQ(after.plan().SerializeAsString(),
            before.plan().SerializeAsString());
  EXPECT_GT(after.revision(), before.revision());
  // The worker comes back over a new stream and is told to go on.
  FakeWorker again(channel_, "w1");
  again.report() = first_->report();
  ASSERT_TRUE(again.Report());
  EXPECT_EQ(again.instruction().assignment().SerializeAsString(),
            again.device().assignment().SerializeAsString());
  // A request of the life before is still known.
  v1::Job repeated;
  EXPECT_TRUE(Submit("submit-sim", SimJob("sim"), &repeated).ok());
}

TEST_F(JobsServiceTest, EndsStreamsWhenItStops) {
  RunJob("sim");
  v1::WatchRequest request;
  request.set_name("sim");
  const auto context = NewContext();
  const auto reader = jobs_->Watch(context.get(), request);
  v1::Job job;
  ASSERT_TRUE(reader->Read(&job));
  // Their streams stay open until the grace has passed.
  first_.reset();
  second_.reset();
  server_->Stop(absl::Seconds(5));
  while (reader->Read(&job)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(JobsServiceTest, DrainsAWorkerAndTakesThatBack) {
  first_ = std::make_unique<FakeWorker>(channel_, "w1");
  ASSERT_TRUE(first_->Report());
  v1::DrainRequest request;
  request.set_request_id("d");
  request.set_name("w1");
  v1::Worker worker;
  ASSERT_TRUE(workers_->Drain(NewContext().get(), request, &worker).ok());
  EXPECT_TRUE(worker.draining());
  v1::ListWorkersResponse list;
  ASSERT_TRUE(workers_->List(NewContext().get(), {}, &list).ok());
  ASSERT_EQ(list.workers_size(), 1);
  EXPECT_TRUE(list.workers(0).draining());
  EXPECT_TRUE(list.workers(0).connected());
  ASSERT_EQ(list.workers(0).devices_size(), 1);
  EXPECT_EQ(list.workers(0).devices(0).kind(), "cpu");
}

}  // namespace
}  // namespace penstock
