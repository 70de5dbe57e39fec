#include "coordinator/service/service_fixture.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "proto/rpc/channel.h"
#include "proto/version.h"

namespace penstock {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(20);
constexpr int kReportsMax = 500;

}  // namespace

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  WithDeadline(*context, kTimeout);
  return context;
}

FakeWorker::FakeWorker(const std::shared_ptr<grpc::Channel>& channel,
                       const std::string& name, uint64_t incarnation)
    : stub_(internal::v1::WorkerPool::NewStub(channel)) {
  WithDeadline(context_, kTimeout);
  stream_ = stub_->Synchronize(&context_);
  report_.set_incarnation(incarnation);
  report_.set_name(name);
  report_.set_version(kVersion);
  internal::v1::DeviceReport* device = report_.add_devices();
  device->set_kind("cpu");
  device->set_memory_bytes(int64_t{1} << 32);
  device->set_flops_per_second(1e11);
  device->set_state(internal::v1::IDLE);
}

FakeWorker::~FakeWorker() {
  if (stream_ != nullptr) {
    context_.TryCancel();
    stream_->Finish();
  }
}

bool FakeWorker::Report() {
  report_.set_sequence(report_.sequence() + 1);
  if (!stream_->Write(report_)) return false;
  if (!stream_->Read(&instruction_)) return false;
  report_.set_answered(instruction_.sequence());
  device().clear_metrics();
  device().clear_traces();
  device().clear_logs();
  return true;
}

void FakeWorker::Obey(internal::v1::DeviceState state) {
  device().set_state(state);
  *device().mutable_assignment() = instruction().assignment();
  device().set_transport_address("127.0.0.1:1");
}

bool FakeWorker::ReportUntil(const std::function<bool()>& done) {
  for (int i = 0; i < kReportsMax; ++i) {
    if (!Report()) return false;
    if (done()) return true;
  }
  return false;
}

grpc::Status FakeWorker::Finish() {
  stream_->WritesDone();
  const grpc::Status status = stream_->Finish();
  stream_ = nullptr;
  return status;
}

ServiceTest::ServiceTest() {
  std::string pattern = testing::TempDir() + "service_XXXXXX";
  directory_ = std::filesystem::canonical(mkdtemp(pattern.data())).string();
  std::filesystem::create_directory(directory_ + "/data");
  options_.state_directory = directory_ + "/state";
  options_.roots = {directory_ + "/data"};
}

ServiceTest::~ServiceTest() {
  first_.reset();
  second_.reset();
  StopServer();
  std::filesystem::remove_all(directory_);
}

void ServiceTest::StartServer() {
  auto server = CoordinatorServer::Start(options_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  auto channel = MakeChannel(server_->address(), {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  channel_ = *channel;
  jobs_ = v1::Jobs::NewStub(channel_);
  workers_ = v1::Workers::NewStub(channel_);
  checkpoints_ = v1::Checkpoints::NewStub(channel_);
}

void ServiceTest::StopServer() {
  if (server_ != nullptr) server_->Stop(absl::ZeroDuration());
  server_.reset();
}

v1::JobSpec ServiceTest::SimJob(const std::string& name) {
  v1::JobSpec spec;
  spec.set_name(name);
  v1::SimSpec* sim = spec.mutable_model()->mutable_sim();
  sim->set_layers(4);
  sim->set_forward_us(1000);
  sim->set_input_gradient_us(1000);
  sim->set_weight_gradient_us(1000);
  spec.mutable_batch()->set_micro_batches(4);
  spec.mutable_parallelism()->set_pipeline(2);
  spec.set_steps(10);
  return spec;
}

v1::JobSpec ServiceTest::Gpt2Job(const std::string& name,
                                 const std::string& tokens) {
  v1::JobSpec spec;
  spec.set_name(name);
  v1::Gpt2Spec* gpt2 = spec.mutable_model()->mutable_gpt2();
  gpt2->set_layers(2);
  gpt2->set_hidden(16);
  gpt2->set_heads(2);
  gpt2->set_sequence_length(8);
  gpt2->set_vocabulary(256);
  spec.mutable_data()->set_tokens(tokens);
  spec.set_steps(10);
  return spec;
}

grpc::Status ServiceTest::Submit(const std::string& request_id,
                                 const v1::JobSpec& spec, v1::Job* job) {
  v1::SubmitRequest request;
  request.set_request_id(request_id);
  *request.mutable_spec() = spec;
  return jobs_->Submit(NewContext().get(), request, job);
}

grpc::Status ServiceTest::Get(const std::string& name, v1::Job* job) {
  v1::GetRequest request;
  request.set_name(name);
  return jobs_->Get(NewContext().get(), request, job);
}

std::string ServiceTest::WriteData(const std::string& name,
                                   const std::string& content) {
  const std::string path = directory_ + "/data/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

void ServiceTest::RunJob(const std::string& name) {
  first_ = std::make_unique<FakeWorker>(channel_, "w1");
  second_ = std::make_unique<FakeWorker>(channel_, "w2");
  ASSERT_TRUE(first_->Report());
  ASSERT_TRUE(second_->Report());
  v1::Job job;
  ASSERT_TRUE(Submit("submit-" + name, SimJob(name), &job).ok());
  for (FakeWorker* worker : {first_.get(), second_.get()}) {
    ASSERT_TRUE(worker->ReportUntil(
        [&] { return worker->instruction().has_assignment(); }));
    ASSERT_TRUE(worker->instruction().has_plan());
    worker->Obey(internal::v1::READY);
    ASSERT_TRUE(worker->Report());
  }
  for (FakeWorker* worker : {first_.get(), second_.get()}) {
    ASSERT_TRUE(worker->ReportUntil(
        [&] { return worker->instruction().peers_size() == 2; }));
    worker->Obey(internal::v1::RUNNING);
    ASSERT_TRUE(worker->Report());
  }
  ASSERT_TRUE(Get(name, &job).ok());
  ASSERT_EQ(job.state(), v1::JOB_STATE_RUNNING) << job.reason();
}

}  // namespace penstock
