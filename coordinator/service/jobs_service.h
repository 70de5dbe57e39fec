#ifndef COORDINATOR_SERVICE_JOBS_SERVICE_H_
#define COORDINATOR_SERVICE_JOBS_SERVICE_H_

#include <atomic>

#include "coordinator/service/cluster.h"
#include "coordinator/service/preflight.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {

// penstock.v1.Jobs: checks that a request is complete, converts, and asks the
// cluster. Decides nothing. Thread-safe.
class JobsService final : public v1::Jobs::Service {
 public:
  // Both must outlive this.
  JobsService(Cluster& cluster, const Preflight& preflight)
      : cluster_(cluster), preflight_(preflight) {}

  grpc::Status Submit(grpc::ServerContext* context,
                      const v1::SubmitRequest* request,
                      v1::Job* response) override;
  grpc::Status MakePlan(grpc::ServerContext* context,
                        const v1::MakePlanRequest* request,
                        v1::Job* response) override;
  grpc::Status Get(grpc::ServerContext* context, const v1::GetRequest* request,
                   v1::Job* response) override;
  grpc::Status List(grpc::ServerContext* context,
                    const v1::ListRequest* request,
                    v1::ListResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context,
                     const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::Job>* writer) override;
  grpc::Status WatchMetrics(
      grpc::ServerContext* context, const v1::WatchMetricsRequest* request,
      grpc::ServerWriter<v1::StepMetrics>* writer) override;
  grpc::Status ReadLogs(grpc::ServerContext* context,
                        const v1::ReadLogsRequest* request,
                        grpc::ServerWriter<v1::LogLine>* writer) override;
  grpc::Status GetTrace(grpc::ServerContext* context,
                        const v1::GetTraceRequest* request,
                        v1::GetTraceResponse* response) override;
  grpc::Status Cancel(grpc::ServerContext* context,
                      const v1::CancelRequest* request,
                      v1::Job* response) override;
  grpc::Status Pause(grpc::ServerContext* context,
                     const v1::PauseRequest* request,
                     v1::Job* response) override;
  grpc::Status Resume(grpc::ServerContext* context,
                      const v1::ResumeRequest* request,
                      v1::Job* response) override;

 private:
  absl::StatusOr<v1::Job> Submit(const v1::SubmitRequest& request);
  absl::StatusOr<v1::Job> MakePlan(const v1::MakePlanRequest& request);
  absl::StatusOr<v1::Job> Resume(const v1::ResumeRequest& request);
  absl::StatusOr<v1::ListResponse> List(const v1::ListRequest& request);
  absl::StatusOr<v1::GetTraceResponse> GetTrace(
      const v1::GetTraceRequest& request);

  // One of the kStreamsMax streams; gives its place back at its end.
  class StreamPlace;

  Cluster& cluster_;
  const Preflight& preflight_;
  std::atomic<int> streams_ = 0;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_JOBS_SERVICE_H_
