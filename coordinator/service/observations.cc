#include "coordinator/service/observations.h"

#include <algorithm>
#include <iterator>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr size_t kMetricsPerRead = 256;

// Ranks send one trace of a step each; more is a mistake of theirs.
constexpr size_t kTracesPerStepMax = 4096;

}  // namespace

Observations::JobObservations& Observations::Of(const Assignment& assignment) {
  JobObservations& job = jobs_[assignment.job];
  if (job.epoch != assignment.epoch) job = {.epoch = assignment.epoch};
  return job;
}

void Observations::AddTrace(JobObservations& job, const StepTrace& trace) {
  std::vector<StepTrace>& step = job.traces[trace.step];
  if (step.size() < kTracesPerStepMax) step.push_back(trace);
  while (job.traces.size() > kTraceStepsKept) {
    job.traces.erase(job.traces.begin());
  }
}

absl::Status Observations::Add(const Assignment& assignment,
                               const DeviceReport& report) {
  JobObservations& job = Of(assignment);
  for (const StepTrace& trace : report.traces) AddTrace(job, trace);
  if (!report.logs.empty()) {
    std::vector<LogLine> lines = report.logs;
    for (LogLine& line : lines) {
      if (line.text.size() > kLogTextMax) line.text.resize(kLogTextMax);
    }
    RETURN_IF_ERROR(journal_.WriteLogs(assignment.job, lines));
  }
  if (report.metrics.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(journal_.WriteMetrics(assignment.job, report.metrics));
  for (const StepMetrics& metrics : report.metrics) {
    job.acknowledged_step = std::max(job.acknowledged_step, metrics.step);
  }
  return absl::OkStatus();
}

absl::Status Observations::AddLog(const std::string& job, const LogLine& line) {
  return journal_.WriteLogs(job, std::span(&line, 1));
}

int64_t Observations::AcknowledgedStep(const Assignment& assignment) const {
  const auto job = jobs_.find(assignment.job);
  if (job == jobs_.end() || job->second.epoch != assignment.epoch) return 0;
  return job->second.acknowledged_step;
}

absl::StatusOr<std::vector<StepMetrics>> Observations::Metrics(
    const std::string& job, int64_t after_step) const {
  return journal_.ReadMetrics(job, after_step, kMetricsPerRead);
}

absl::StatusOr<std::vector<StoredLogLine>> Observations::Logs(
    const std::string& job, int64_t after_sequence) const {
  return journal_.ReadLogs(job, after_sequence);
}

std::vector<StepTrace> Observations::Traces(const std::string& job,
                                            int steps) const {
  std::vector<StepTrace> traces;
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return traces;
  const std::map<int64_t, std::vector<StepTrace>>& kept = found->second.traces;
  auto first = kept.begin();
  if (steps > 0 && static_cast<size_t>(steps) < kept.size()) {
    first = std::prev(kept.end(), steps);
  }
  for (; first != kept.end(); ++first) {
    std::vector<StepTrace> step = first->second;
    // Of a step made twice, the later trace comes last.
    std::stable_sort(
        step.begin(), step.end(), [](const StepTrace& a, const StepTrace& b) {
          return std::tie(a.replica, a.rank) < std::tie(b.replica, b.rank);
        });
    traces.insert(traces.end(), step.begin(), step.end());
  }
  return traces;
}

}  // namespace penstock
