// The loop against a coordinator of this process that answers by a script.

#include "worker/client/worker_loop.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/mutex.h"
#include "proto/internal/v1/worker_pool.grpc.pb.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/server.h"
#include "proto/version.h"

namespace penstock {
namespace {

using internal::v1::WorkerInstruction;
using internal::v1::WorkerReport;

class FakeCoordinator final : public internal::v1::WorkerPool::Service {
 public:
  // What becomes of a stream at its first report; OK: it is answered.
  explicit FakeCoordinator(grpc::Status verdict)
      : verdict_(std::move(verdict)) {}

  grpc::Status Synchronize(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<WorkerInstruction, WorkerReport>* stream)
      override {
    context->AddInitialMetadata(kVersionMetadata, kVersion);
    stream->SendInitialMetadata();
    WorkerReport report;
    while (stream->Read(&report)) {
      Note(report);
      if (!verdict_.ok()) return verdict_;
      WorkerInstruction instruction;
      instruction.set_sequence(report.sequence());
      instruction.mutable_lease()->set_seconds(30);
      // One that the test does not live to see: reports are of events alone.
      instruction.mutable_interval()->set_seconds(3600);
      for (int i = 0; i < report.devices_size(); ++i) {
        instruction.add_devices();
      }
      if (!stream->Write(instruction)) break;
    }
    return grpc::Status::OK;
  }

  std::vector<WorkerReport> reports() {
    MutexLock lock(mutex_);
    return reports_;
  }
  bool WaitForReports(size_t count) {
    const absl::Time deadline = SteadyNow() + absl::Seconds(30);
    MutexLock lock(mutex_);
    while (reports_.size() < count) {
      if (!changed_.WaitUntil(mutex_, deadline)) return false;
    }
    return true;
  }

 private:
  void Note(const WorkerReport& report) {
    MutexLock lock(mutex_);
    reports_.push_back(report);
    changed_.NotifyAll();
  }

  const grpc::Status verdict_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<WorkerReport> reports_ ABSL_GUARDED_BY(mutex_);
};

class WorkerLoopTest : public testing::Test {
 protected:
  void StartServer(grpc::Status verdict) {
    coordinator_ = std::make_unique<FakeCoordinator>(std::move(verdict));
    auto server =
        RpcServer::Start({.address = "127.0.0.1:0"}, {coordinator_.get()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<WorkerLoop> MakeLoop() {
    auto channel = MakeChannel(server_->address(), {});
    EXPECT_TRUE(channel.ok()) << channel.status();
    return std::make_unique<WorkerLoop>(
        Agent::Options{.name = "w",
                       .version = kVersion,
                       .incarnation = 1,
                       .devices = {{.kind = "cpu", .memory_bytes = 1 << 20}}},
        Supervisor::Options{.command = {"/no/such/program"}, .places = {{}}},
        *channel);
  }

  std::unique_ptr<FakeCoordinator> coordinator_;
  std::unique_ptr<RpcServer> server_;  // Ends before its service.
};

TEST_F(WorkerLoopTest, EndsWithTheReasonWhenItIsRefused) {
  StartServer(grpc::Status(grpc::FAILED_PRECONDITION,
                           "worker is version 0.1.0, install 0.2.0"));
  const auto loop = MakeLoop();
  EXPECT_EQ(loop->Run(), absl::FailedPreconditionError(
                             "worker is version 0.1.0, install 0.2.0"));
  EXPECT_EQ(coordinator_->reports().size(), 1);
}

TEST_F(WorkerLoopTest, SaysGoodbyeWhenItIsStopped) {
  StartServer(grpc::Status::OK);
  const auto loop = MakeLoop();
  std::thread thread([&loop] { EXPECT_TRUE(loop->Run().ok()); });
  EXPECT_TRUE(coordinator_->WaitForReports(1));
  loop->Stop();
  thread.join();
  // The coordinator has it when Run returns: no time is left after that.
  const std::vector<WorkerReport> reports = coordinator_->reports();
  ASSERT_EQ(reports.size(), 2);
  EXPECT_EQ(reports[1].devices(0).state(), internal::v1::IDLE);
}

}  // namespace
}  // namespace penstock
