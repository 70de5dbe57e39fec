#include "coordinator/cli/fake_jobs.h"

#include <sstream>
#include <thread>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/exit_code.h"
#include "fmt/format.h"
#include "proto/base/check.h"

namespace penstock {

std::vector<std::string> FakeJobs::request_ids() const {
  MutexLock lock(mutex_);
  return request_ids_;
}

std::vector<uint64_t> FakeJobs::watched_revisions() const {
  MutexLock lock(mutex_);
  return watched_revisions_;
}

v1::ResumeRequest FakeJobs::resumed() const {
  MutexLock lock(mutex_);
  return resumed_;
}

v1::JobSpec FakeJobs::submitted() const {
  MutexLock lock(mutex_);
  return submitted_;
}

grpc::Status FakeJobs::Find(const std::string& name, v1::Job* job) const {
  if (changes.empty() || changes.back().spec().name() != name) {
    return {grpc::StatusCode::NOT_FOUND, fmt::format("no job \"{}\"", name)};
  }
  *job = changes.back();
  return grpc::Status::OK;
}

grpc::Status FakeJobs::Change(const std::string& request_id,
                              const std::string& name, v1::Job* job) {
  MutexLock lock(mutex_);
  request_ids_.push_back(request_id);
  if (unavailable > 0) {
    --unavailable;
    return {grpc::StatusCode::UNAVAILABLE, "starting"};
  }
  if (!refusal.ok()) return refusal;
  return Find(name, job);
}

grpc::Status FakeJobs::Submit(grpc::ServerContext*,
                              const v1::SubmitRequest* request, v1::Job* job) {
  {
    MutexLock lock(mutex_);
    submitted_ = request->spec();
    if (taken > 0) {
      --taken;
      return {grpc::StatusCode::ALREADY_EXISTS, "another job has this name"};
    }
  }
  on_submit();
  return Change(request->request_id(), request->spec().name(), job);
}

grpc::Status FakeJobs::MakePlan(grpc::ServerContext*,
                                const v1::MakePlanRequest* request,
                                v1::Job* job) {
  return Change("", request->spec().name(), job);
}

grpc::Status FakeJobs::Get(grpc::ServerContext*, const v1::GetRequest* request,
                           v1::Job* job) {
  return Find(request->name(), job);
}

grpc::Status FakeJobs::List(grpc::ServerContext*,
                            const v1::ListRequest* request,
                            v1::ListResponse* response) {
  // Two pages of the same job.
  *response->add_jobs() = changes.back();
  if (request->page_token().empty()) response->set_next_page_token("2");
  return grpc::Status::OK;
}

grpc::Status FakeJobs::Watch(grpc::ServerContext* context,
                             const v1::WatchRequest* request,
                             grpc::ServerWriter<v1::Job>* writer) {
  bool breaks_now = false;
  {
    MutexLock lock(mutex_);
    watched_revisions_.push_back(request->after_revision());
    breaks_now = breaks > 0;
    if (breaks_now) --breaks;
  }
  v1::Job job;
  const grpc::Status found = Find(request->name(), &job);
  if (!found.ok()) return found;
  for (const v1::Job& change : changes) {
    if (change.revision() <= request->after_revision()) continue;
    writer->Write(change);
    if (breaks_now) return break_status;
  }
  if (IsFinal(changes.back().state())) return grpc::Status::OK;
  on_watch_idle();
  while (!context->IsCancelled()) std::this_thread::yield();
  return grpc::Status::CANCELLED;
}

grpc::Status FakeJobs::WatchMetrics(
    grpc::ServerContext*, const v1::WatchMetricsRequest* request,
    grpc::ServerWriter<v1::StepMetrics>* writer) {
  v1::Job job;
  const grpc::Status found = Find(request->name(), &job);
  if (!found.ok()) return found;
  for (const v1::StepMetrics& one : metrics) {
    if (one.step() > request->after_step()) writer->Write(one);
  }
  return grpc::Status::OK;
}

grpc::Status FakeJobs::ReadLogs(grpc::ServerContext*,
                                const v1::ReadLogsRequest* /*request*/,
                                grpc::ServerWriter<v1::LogLine>* writer) {
  for (const v1::LogLine& line : logs) writer->Write(line);
  return grpc::Status::OK;
}

grpc::Status FakeJobs::GetTrace(grpc::ServerContext*,
                                const v1::GetTraceRequest* /*request*/,
                                v1::GetTraceResponse* response) {
  *response = trace;
  return grpc::Status::OK;
}

grpc::Status FakeJobs::Cancel(grpc::ServerContext*,
                              const v1::CancelRequest* request, v1::Job* job) {
  return Change(request->request_id(), request->name(), job);
}

grpc::Status FakeJobs::Pause(grpc::ServerContext*,
                             const v1::PauseRequest* request, v1::Job* job) {
  return Change(request->request_id(), request->name(), job);
}

grpc::Status FakeJobs::Resume(grpc::ServerContext*,
                              const v1::ResumeRequest* request, v1::Job* job) {
  {
    MutexLock lock(mutex_);
    resumed_ = *request;
  }
  return Change(request->request_id(), request->name(), job);
}

grpc::Status FakeWorkers::List(grpc::ServerContext*,
                               const v1::ListWorkersRequest*,
                               v1::ListWorkersResponse* response) {
  *response = workers;
  return grpc::Status::OK;
}

grpc::Status FakeWorkers::Drain(grpc::ServerContext*,
                                const v1::DrainRequest* request,
                                v1::Worker* worker) {
  for (const v1::Worker& one : workers.workers()) {
    if (one.name() != request->name()) continue;
    *worker = one;
    worker->set_draining(!request->undo());
    return grpc::Status::OK;
  }
  return {grpc::StatusCode::NOT_FOUND,
          fmt::format("no worker \"{}\"", request->name())};
}

FakeCoordinator::FakeCoordinator() {
  auto started =
      RpcServer::Start({.address = "127.0.0.1:0"}, {&jobs, &workers});
  PENSTOCK_CHECK(started.ok());
  server = *std::move(started);
}

CliResult RunForTest(const std::vector<std::string>& arguments, bool terminal,
                     const std::string& executable_directory) {
  std::ostringstream out;
  std::ostringstream err;
  Context context{.console = {.out = out,
                              .err = err,
                              .terminal = terminal,
                              .color = false,
                              .width = 100},
                  .executable_directory = executable_directory,
                  .run = {}};
  const int exit_code = RunCli(arguments, context);
  return {exit_code, out.str(), err.str()};
}

}  // namespace penstock
