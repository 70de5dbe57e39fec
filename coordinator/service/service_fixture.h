#ifndef COORDINATOR_SERVICE_SERVICE_FIXTURE_H_
#define COORDINATOR_SERVICE_SERVICE_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/service/coordinator_server.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "proto/internal/v1/worker_pool.grpc.pb.h"
#include "proto/v1/checkpoints.grpc.pb.h"
#include "proto/v1/jobs.grpc.pb.h"
#include "proto/v1/workers.grpc.pb.h"

namespace penstock {

// A worker with one device that says over a real stream what the test makes it
// say. Every exchange ends within seconds.
class FakeWorker {
 public:
  FakeWorker(const std::shared_ptr<grpc::Channel>& channel,
             const std::string& name, uint64_t incarnation = 1);
  ~FakeWorker();

  // What the next report says; the test changes it.
  internal::v1::WorkerReport& report() { return report_; }
  internal::v1::DeviceReport& device() { return *report_.mutable_devices(0); }

  // Sends the report and takes in the answer. False when the stream has ended.
  bool Report();

  // Of the last answer.
  const internal::v1::DeviceInstruction& instruction() const {
    return instruction_.devices(0);
  }

  // Takes up what was last ordered.
  void Obey(internal::v1::DeviceState state);

  // Reports until `done`, at most a few hundred times.
  bool ReportUntil(const std::function<bool()>& done);

  // Ends the stream and says how it ended.
  grpc::Status Finish();

 private:
  const std::unique_ptr<internal::v1::WorkerPool::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<internal::v1::WorkerReport,
                                           internal::v1::WorkerInstruction>>
      stream_;
  internal::v1::WorkerReport report_;
  internal::v1::WorkerInstruction instruction_;
};

// A coordinator of its own for each test, in a directory of its own, and a
// client of it.
class ServiceTest : public testing::Test {
 protected:
  ServiceTest();
  ~ServiceTest() override;

  // Also after StopServer, on the same directory.
  void StartServer();
  void StopServer();

  // A job of two stages that sleep.
  static v1::JobSpec SimJob(const std::string& name);
  // A job that trains on `tokens`.
  static v1::JobSpec Gpt2Job(const std::string& name,
                             const std::string& tokens);

  grpc::Status Submit(const std::string& request_id, const v1::JobSpec& spec,
                      v1::Job* job);
  grpc::Status Get(const std::string& name, v1::Job* job);

  // Writes a file below the directory that jobs may name files in.
  std::string WriteData(const std::string& name, const std::string& content);

  // Submits a job, and two workers take it up until it is RUNNING.
  void RunJob(const std::string& name);

  std::string directory_;  // With data/ (a root) and state/.
  CoordinatorServerOptions options_;
  std::unique_ptr<CoordinatorServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Jobs::Stub> jobs_;
  std::unique_ptr<v1::Workers::Stub> workers_;
  std::unique_ptr<v1::Checkpoints::Stub> checkpoints_;
  std::unique_ptr<FakeWorker> first_;
  std::unique_ptr<FakeWorker> second_;
};

// With a deadline, as every call needs.
std::unique_ptr<grpc::ClientContext> NewContext();

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_SERVICE_FIXTURE_H_
