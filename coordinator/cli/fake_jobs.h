#ifndef COORDINATOR_CLI_FAKE_JOBS_H_
#define COORDINATOR_CLI_FAKE_JOBS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/base/mutex.h"
#include "proto/rpc/server.h"
#include "proto/v1/jobs.grpc.pb.h"
#include "proto/v1/workers.grpc.pb.h"

namespace penstock {

// A coordinator that knows one job and does as it is told. What is public is
// set before the first call.
class FakeJobs final : public v1::Jobs::Service {
 public:
  // What a watcher sees, one after the other. The last is what Get gives.
  std::vector<v1::Job> changes;
  std::vector<v1::StepMetrics> metrics;
  std::vector<v1::LogLine> logs;
  v1::GetTraceResponse trace;
  grpc::Status refusal;  // Of all calls that change something.
  int unavailable = 0;   // So many of those calls fail first.
  int taken = 0;         // So many names that are submitted exist already.
  std::function<void()> on_submit = [] {};
  int breaks = 0;  // So many Watch streams end after one message, so:
  grpc::Status break_status = {grpc::StatusCode::UNAVAILABLE, "stopping"};
  // Called instead of ending a Watch stream whose job is not final.
  std::function<void()> on_watch_idle = [] {};

  // In the order of the calls.
  std::vector<std::string> request_ids() const;
  std::vector<uint64_t> watched_revisions() const;
  v1::ResumeRequest resumed() const;
  v1::JobSpec submitted() const;

  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                      v1::Job* job) override;
  grpc::Status MakePlan(grpc::ServerContext*,
                        const v1::MakePlanRequest* request,
                        v1::Job* job) override;
  grpc::Status Get(grpc::ServerContext*, const v1::GetRequest* request,
                   v1::Job* job) override;
  grpc::Status List(grpc::ServerContext*, const v1::ListRequest* request,
                    v1::ListResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context,
                     const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::Job>* writer) override;
  grpc::Status WatchMetrics(
      grpc::ServerContext*, const v1::WatchMetricsRequest* request,
      grpc::ServerWriter<v1::StepMetrics>* writer) override;
  grpc::Status ReadLogs(grpc::ServerContext*,
                        const v1::ReadLogsRequest* request,
                        grpc::ServerWriter<v1::LogLine>* writer) override;
  grpc::Status GetTrace(grpc::ServerContext*,
                        const v1::GetTraceRequest* request,
                        v1::GetTraceResponse* response) override;
  grpc::Status Cancel(grpc::ServerContext*, const v1::CancelRequest* request,
                      v1::Job* job) override;
  grpc::Status Pause(grpc::ServerContext*, const v1::PauseRequest* request,
                     v1::Job* job) override;
  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                      v1::Job* job) override;

 private:
  grpc::Status Find(const std::string& name, v1::Job* job) const;
  grpc::Status Change(const std::string& request_id, const std::string& name,
                      v1::Job* job);

  mutable Mutex mutex_;
  std::vector<std::string> request_ids_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> watched_revisions_ ABSL_GUARDED_BY(mutex_);
  v1::ResumeRequest resumed_ ABSL_GUARDED_BY(mutex_);
  v1::JobSpec submitted_ ABSL_GUARDED_BY(mutex_);
};

class FakeWorkers final : public v1::Workers::Service {
 public:
  v1::ListWorkersResponse workers;

  grpc::Status List(grpc::ServerContext*, const v1::ListWorkersRequest*,
                    v1::ListWorkersResponse* response) override;
  grpc::Status Drain(grpc::ServerContext*, const v1::DrainRequest* request,
                     v1::Worker* worker) override;
};

// Both, listening on a free port of loopback.
struct FakeCoordinator {
  FakeCoordinator();

  FakeJobs jobs;
  FakeWorkers workers;
  std::unique_ptr<RpcServer> server;
};

// What a command line printed, and its exit code.
struct CliResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs a command line as the program does, not on a terminal unless told to.
CliResult RunForTest(const std::vector<std::string>& arguments,
                     bool terminal = false,
                     const std::string& executable_directory = "/nonexistent");

}  // namespace penstock

#endif  // COORDINATOR_CLI_FAKE_JOBS_H_
