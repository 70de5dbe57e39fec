#include "coordinator/cli/tune_trial.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/cli/call.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/follow.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/v1/jobs.grpc.pb.h"

namespace penstock {
namespace {

using v1::Jobs;

constexpr absl::Duration kPollInterval = absl::Milliseconds(200);
constexpr int kNamesMax = 100;

absl::StatusOr<v1::Job> Submit(const ConnectionFlags& flags,
                               v1::JobSpec& spec) {
  const std::string name = spec.name();
  absl::StatusOr<v1::Job> job;
  for (int number = 1; number <= kNamesMax; ++number) {
    spec.set_name(number == 1 ? name : fmt::format("{}-{}", name, number));
    v1::SubmitRequest request;
    request.set_request_id(NewRequestId());
    *request.mutable_spec() = spec;
    job = Call<Jobs>(flags, &Jobs::Stub::Submit, request);
    if (!absl::IsAlreadyExists(job.status())) return job;
  }
  return job;
}

absl::Status Cancel(const ConnectionFlags& flags, const std::string& name) {
  v1::CancelRequest request;
  request.set_request_id(NewRequestId());
  request.set_name(name);
  return Call<Jobs>(flags, &Jobs::Stub::Cancel, request).status();
}

int64_t LargestResident(const v1::Job& job) {
  int64_t largest = 0;
  for (const v1::RankStatus& rank : job.ranks()) {
    largest = std::max(largest, rank.resident_bytes_peak());
  }
  return largest;
}

int64_t LargestForecast(const v1::Job& job) {
  int64_t largest = 0;
  for (const v1::RankPlan& rank : job.plan().ranks()) {
    largest = std::max(largest, rank.memory().total());
  }
  return largest;
}

// Waits until the job is final, or `failure` says that it takes too long.
absl::Status Await(const ConnectionFlags& flags, const std::string& name,
                   const TrialOptions& options, v1::Job& job,
                   TuneResult& result) {
  const absl::Time deadline = SteadyNow() + options.timeout;
  Cancellation never;
  v1::GetRequest request;
  request.set_name(name);
  while (true) {
    ASSIGN_OR_RETURN(job, Call<Jobs>(flags, &Jobs::Stub::Get, request));
    result.resident_bytes_peak =
        std::max(result.resident_bytes_peak, LargestResident(job));
    result.forecast_bytes =
        std::max(result.forecast_bytes, LargestForecast(job));
    if (IsFinal(job.state())) return absl::OkStatus();
    if (options.interrupted()) return absl::CancelledError("interrupted");
    if (SteadyNow() >= deadline) {
      result.failure =
          fmt::format("not finished after {}: {}",
                      absl::FormatDuration(options.timeout), job.reason());
      return absl::OkStatus();
    }
    never.Wait(kPollInterval);
  }
}

absl::StatusOr<std::vector<v1::StepMetrics>> ReadMetrics(
    const ConnectionFlags& flags, const std::string& name) {
  std::vector<v1::StepMetrics> all;
  RETURN_IF_ERROR(
      CallWithRetries(flags, [&](const std::shared_ptr<grpc::Channel>& channel,
                                 grpc::ClientContext& call) {
        all.clear();
        v1::WatchMetricsRequest request;
        request.set_name(name);
        const auto reader =
            Jobs::NewStub(channel)->WatchMetrics(&call, request);
        bool received = false;
        return ReadAll<v1::StepMetrics>(*reader, call, received,
                                        [&](const v1::StepMetrics& metrics) {
                                          all.push_back(metrics);
                                          return true;
                                        });
      }));
  return all;
}

// Of a job that was submitted.
absl::StatusOr<TuneResult> Measure(const ConnectionFlags& flags,
                                   const std::string& name,
                                   const TrialOptions& options) {
  v1::Job job;
  TuneResult result;
  RETURN_IF_ERROR(Await(flags, name, options, job, result));
  if (!result.failure.empty()) return result;
  if (job.state() != v1::JOB_STATE_SUCCEEDED) {
    result.failure = job.reason();
    return result;
  }
  ASSIGN_OR_RETURN(const std::vector<v1::StepMetrics> metrics,
                   ReadMetrics(flags, name));
  if (metrics.empty()) {
    result.failure = "the job has no metrics";
    return result;
  }
  TuneResult figures = Summarize(metrics);
  figures.resident_bytes_peak = result.resident_bytes_peak;
  figures.forecast_bytes = result.forecast_bytes;
  return figures;
}

}  // namespace

absl::StatusOr<TuneResult> RunTrial(const ConnectionFlags& flags,
                                    v1::JobSpec spec,
                                    const TrialOptions& options) {
  const v1::BatchSpec batch = spec.batch();
  const absl::StatusOr<v1::Job> job = Submit(flags, spec);
  absl::StatusOr<TuneResult> result;
  if (job.ok()) {
    result = Measure(flags, spec.name(), options);
    if (!result.ok() || !result->failure.empty()) {
      // Of a final job it changes nothing.
      const absl::Status cancelled = Cancel(flags, spec.name());
      if (!cancelled.ok() && result.ok()) result = cancelled;
    }
  } else if (absl::IsFailedPrecondition(job.status()) ||
             absl::IsInvalidArgument(job.status())) {
    result = TuneResult{.failure = std::string(job.status().message())};
  } else {
    result = job.status();
  }
  if (!result.ok()) return result;
  result->micro_batch_size = batch.micro_batch_size();
  result->micro_batches = batch.micro_batches();
  return result;
}

}  // namespace penstock
