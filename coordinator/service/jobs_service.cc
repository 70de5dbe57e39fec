#include "coordinator/service/jobs_service.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "coordinator/service/planned_trace.h"
#include "coordinator/service/request_checks.h"
#include "coordinator/service/view_proto.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/job_spec_proto.h"
#include "proto/plan_proto.h"
#include "proto/rpc/grpc_status.h"
#include "proto/worker_report_proto.h"

namespace penstock {
namespace {

constexpr int kPageSizeDefault = 100;
constexpr int kPageSizeMax = 1000;

// Each holds a thread of the server; the others are for the workers.
constexpr int kStreamsMax = 64;

template <typename Message>
grpc::Status Answer(absl::StatusOr<Message> result, Message* response) {
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

absl::StatusOr<v1::Job> ToProto(absl::StatusOr<JobView> job) {
  if (!job.ok()) return std::move(job).status();
  return JobToProto(*job);
}

template <typename Request>
absl::Status CheckNamed(const grpc::ServerContext& context,
                        const Request& request) {
  RETURN_IF_ERROR(CheckDeadline(context));
  return CheckGiven("name", request.name());
}

template <typename Request>
absl::Status CheckMutation(const grpc::ServerContext& context,
                           const Request& request) {
  RETURN_IF_ERROR(CheckNamed(context, request));
  return CheckGiven("request_id", request.request_id());
}

// `message` in the place of the parts of `spec` that are set in it.
absl::StatusOr<ParallelismSpec> Replace(const v1::ParallelismSpec& message,
                                        const JobSpec& spec) {
  v1::JobSpec changed = JobSpecToProto(spec);
  changed.mutable_parallelism()->MergeFrom(message);
  ASSIGN_OR_RETURN(JobSpec valid, JobSpecFromProto(changed));
  // What the message cannot hold: the architecture of a model that is read.
  valid.model = spec.model;
  RETURN_IF_ERROR(Validate(valid));
  return valid.parallelism;
}

}  // namespace

class JobsService::StreamPlace {
 public:
  explicit StreamPlace(JobsService& service)
      : streams_(service.streams_), taken_(++streams_) {}
  ~StreamPlace() { --streams_; }
  StreamPlace(const StreamPlace&) = delete;
  StreamPlace& operator=(const StreamPlace&) = delete;

  absl::Status status() const {
    if (taken_ <= kStreamsMax) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        fmt::format("{} streams of Watch, WatchMetrics and ReadLogs are open, "
                    "no more fit; end one, or ask again later",
                    kStreamsMax));
  }

 private:
  std::atomic<int>& streams_;
  const int taken_;
};

absl::StatusOr<v1::Job> JobsService::Submit(const v1::SubmitRequest& request) {
  RETURN_IF_ERROR(CheckGiven("request_id", request.request_id()));
  ASSIGN_OR_RETURN(const JobSpec spec, JobSpecFromProto(request.spec()));
  // Before the files are looked at: they may have gone since the first time.
  if (const std::optional<JobView> job =
          cluster_.FindSubmission(request.request_id(), spec.name)) {
    return JobToProto(*job);
  }
  ASSIGN_OR_RETURN(const CheckedJob checked, preflight_.Check(spec));
  ASSIGN_OR_RETURN(const JobView job,
                   cluster_.Submit(request.request_id(), checked.spec));
  for (const std::string& warning : checked.warnings) {
    cluster_.AddLog(spec.name, "warn", warning);
  }
  return JobToProto(job);
}

absl::StatusOr<v1::Job> JobsService::MakePlan(
    const v1::MakePlanRequest& request) {
  ASSIGN_OR_RETURN(const JobSpec spec, JobSpecFromProto(request.spec()));
  ASSIGN_OR_RETURN(const CheckedJob checked, preflight_.Check(spec));
  ASSIGN_OR_RETURN(const Plan plan, cluster_.MakePlan(checked.spec));
  v1::Job job;
  *job.mutable_spec() = JobSpecToProto(checked.spec);
  *job.mutable_plan() = PlanToProto(plan);
  job.set_state(v1::JOB_STATE_PLANNING);
  job.set_reason("planned, not submitted");
  return job;
}

absl::StatusOr<v1::Job> JobsService::Resume(const v1::ResumeRequest& request) {
  std::optional<ParallelismSpec> parallelism;
  if (request.has_parallelism()) {
    ASSIGN_OR_RETURN(const JobView job, cluster_.Get(request.name()));
    ASSIGN_OR_RETURN(parallelism,
                     Replace(request.parallelism(), job.record.spec));
  }
  return ToProto(
      cluster_.Resume(request.request_id(), request.name(), parallelism));
}

absl::StatusOr<v1::ListResponse> JobsService::List(
    const v1::ListRequest& request) {
  if (request.page_size() < 0 || request.page_size() > kPageSizeMax) {
    return absl::InvalidArgumentError(
        fmt::format("page_size: {}: 0 to {} is accepted", request.page_size(),
                    kPageSizeMax));
  }
  const int size =
      request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  ASSIGN_OR_RETURN(const std::vector<JobView> jobs, cluster_.List());
  auto next = jobs.begin();
  // The token is the last job of the page before. Newer jobs come before it,
  // and none is ever removed.
  if (!request.page_token().empty()) {
    next = std::find_if(jobs.begin(), jobs.end(), [&](const JobView& job) {
      return job.record.spec.name == request.page_token();
    });
    if (next == jobs.end()) {
      return absl::InvalidArgumentError(
          "page_token: unknown: pass what an answer of this call gave");
    }
    ++next;
  }
  v1::ListResponse response;
  for (; next != jobs.end() && response.jobs_size() < size; ++next) {
    v1::Job* job = response.add_jobs();
    *job = JobToProto(*next);
    job->clear_plan();
  }
  if (next != jobs.end()) {
    response.set_next_page_token(std::prev(next)->record.spec.name);
  }
  return response;
}

absl::StatusOr<v1::GetTraceResponse> JobsService::GetTrace(
    const v1::GetTraceRequest& request) {
  if (request.steps() < 0) {
    return absl::InvalidArgumentError(
        fmt::format("steps: {}: 0 or more is accepted", request.steps()));
  }
  ASSIGN_OR_RETURN(const JobView job, cluster_.Get(request.name()));
  v1::GetTraceResponse response;
  *response.mutable_job() = JobToProto(job);
  if (job.record.plan == nullptr) return response;
  for (const StepTrace& trace :
       cluster_.Traces(request.name(), request.steps())) {
    // Those of an earlier revision index other programs.
    if (trace.revision != job.record.plan->revision) continue;
    *response.add_traces() = StepTraceToProto(trace);
  }
  ASSIGN_OR_RETURN(const std::vector<StepTrace> planned,
                   PlannedTrace(*job.record.plan));
  for (const StepTrace& trace : planned) {
    *response.add_planned() = StepTraceToProto(trace);
  }
  return response;
}

grpc::Status JobsService::Submit(grpc::ServerContext* context,
                                 const v1::SubmitRequest* request,
                                 v1::Job* response) {
  const absl::Status status = CheckDeadline(*context);
  if (!status.ok()) return ToGrpc(status);
  return Answer(Submit(*request), response);
}

grpc::Status JobsService::MakePlan(grpc::ServerContext* context,
                                   const v1::MakePlanRequest* request,
                                   v1::Job* response) {
  const absl::Status status = CheckDeadline(*context);
  if (!status.ok()) return ToGrpc(status);
  return Answer(MakePlan(*request), response);
}

grpc::Status JobsService::Get(grpc::ServerContext* context,
                              const v1::GetRequest* request,
                              v1::Job* response) {
  const absl::Status status = CheckNamed(*context, *request);
  if (!status.ok()) return ToGrpc(status);
  return Answer(ToProto(cluster_.Get(request->name())), response);
}

grpc::Status JobsService::List(grpc::ServerContext* context,
                               const v1::ListRequest* request,
                               v1::ListResponse* response) {
  const absl::Status status = CheckDeadline(*context);
  if (!status.ok()) return ToGrpc(status);
  return Answer(List(*request), response);
}

grpc::Status JobsService::GetTrace(grpc::ServerContext* context,
                                   const v1::GetTraceRequest* request,
                                   v1::GetTraceResponse* response) {
  const absl::Status status = CheckNamed(*context, *request);
  if (!status.ok()) return ToGrpc(status);
  return Answer(GetTrace(*request), response);
}

grpc::Status JobsService::Cancel(grpc::ServerContext* context,
                                 const v1::CancelRequest* request,
                                 v1::Job* response) {
  const absl::Status status = CheckMutation(*context, *request);
  if (!status.ok()) return ToGrpc(status);
  return Answer(
      ToProto(cluster_.Cancel(request->request_id(), request->name())),
      response);
}

grpc::Status JobsService::Pause(grpc::ServerContext* context,
                                const v1::PauseRequest* request,
                                v1::Job* response) {
  const absl::Status status = CheckMutation(*context, *request);
  if (!status.ok()) return ToGrpc(status);
  return Answer(ToProto(cluster_.Pause(request->request_id(), request->name())),
                response);
}

grpc::Status JobsService::Resume(grpc::ServerContext* context,
                                 const v1::ResumeRequest* request,
                                 v1::Job* response) {
  const absl::Status status = CheckMutation(*context, *request);
  if (!status.ok()) return ToGrpc(status);
  return Answer(Resume(*request), response);
}

grpc::Status JobsService::Watch(grpc::ServerContext* context,
                                const v1::WatchRequest* request,
                                grpc::ServerWriter<v1::Job>* writer) {
  const StreamPlace place(*this);
  if (!place.status().ok()) return ToGrpc(place.status());
  const absl::Status status = CheckGiven("name", request->name());
  if (!status.ok()) return ToGrpc(status);
  uint64_t revision = request->after_revision();
  while (!context->IsCancelled()) {
    // Asked before waiting, so that a change in between is still sent.
    const absl::StatusOr<JobView> now = cluster_.Get(request->name());
    if (!now.ok()) return ToGrpc(now.status());
    if (IsFinal(now->record.state) && now->record.revision <= revision) break;
    const absl::StatusOr<std::optional<JobView>> job = cluster_.WaitForJob(
        request->name(), revision, SteadyNow() + kWaitSlice);
    if (!job.ok()) return ToGrpc(job.status());
    if (!job->has_value()) continue;
    if (!writer->Write(JobToProto(**job))) break;
    revision = (*job)->record.revision;
  }
  return grpc::Status::OK;
}

grpc::Status JobsService::WatchMetrics(
    grpc::ServerContext* context, const v1::WatchMetricsRequest* request,
    grpc::ServerWriter<v1::StepMetrics>* writer) {
  const StreamPlace place(*this);
  if (!place.status().ok()) return ToGrpc(place.status());
  const absl::Status status = CheckGiven("name", request->name());
  if (!status.ok()) return ToGrpc(status);
  int64_t step = request->after_step();
  while (!context->IsCancelled()) {
    // Asked before: once final, nothing is added that the wait does not give.
    const absl::StatusOr<JobView> job = cluster_.Get(request->name());
    if (!job.ok()) return ToGrpc(job.status());
    const absl::StatusOr<std::vector<StepMetrics>> metrics =
        cluster_.WaitForMetrics(
            request->name(), step,
            request->follow() ? SteadyNow() + kWaitSlice : SteadyNow());
    if (!metrics.ok()) return ToGrpc(metrics.status());
    for (const StepMetrics& each : *metrics) {
      if (!writer->Write(StepMetricsToProto(each))) return grpc::Status::OK;
      step = each.step;
    }
    const bool ended = !request->follow() || IsFinal(job->record.state);
    if (metrics->empty() && ended) break;
  }
  return grpc::Status::OK;
}

grpc::Status JobsService::ReadLogs(grpc::ServerContext* context,
                                   const v1::ReadLogsRequest* request,
                                   grpc::ServerWriter<v1::LogLine>* writer) {
  const StreamPlace place(*this);
  if (!place.status().ok()) return ToGrpc(place.status());
  const absl::Status status = CheckGiven("name", request->name());
  if (!status.ok()) return ToGrpc(status);
  int64_t sequence = 0;
  while (!context->IsCancelled()) {
    const absl::StatusOr<JobView> job = cluster_.Get(request->name());
    if (!job.ok()) return ToGrpc(job.status());
    const absl::StatusOr<std::vector<StoredLogLine>> lines =
        cluster_.WaitForLogs(
            request->name(), sequence,
            request->follow() ? SteadyNow() + kWaitSlice : SteadyNow());
    if (!lines.ok()) return ToGrpc(lines.status());
    for (const StoredLogLine& each : *lines) {
      if (!writer->Write(LogLineToProto(each.line))) return grpc::Status::OK;
      sequence = each.sequence;
    }
    const bool ended = !request->follow() || IsFinal(job->record.state);
    if (lines->empty() && ended) break;
  }
  return grpc::Status::OK;
}

}  // namespace penstock
