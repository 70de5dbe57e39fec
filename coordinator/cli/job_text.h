#ifndef COORDINATOR_CLI_JOB_TEXT_H_
#define COORDINATOR_CLI_JOB_TEXT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/v1/job.pb.h"
#include "proto/v1/workers.pb.h"

namespace penstock {

// "RUNNING" for JOB_STATE_RUNNING.
std::string StateText(v1::JobState state);

// One line per job.
std::string JobsText(const std::vector<v1::Job>& jobs, absl::Time now,
                     int width);

// Everything about one job but its plan.
std::string JobText(const v1::Job& job, absl::Time now, int width);

// "2026-01-31T12:00:05Z info coordinator: text".
std::string LogText(const v1::LogLine& line);

// One line per device of each worker.
std::string WorkersText(const std::vector<v1::Worker>& workers, int width);

// Heading of, and one line of a table of metrics; the columns have fixed
// widths, so that lines can be printed as they come.
std::string MetricsHeading();
std::string MetricsText(const v1::StepMetrics& metrics);

}  // namespace penstock

#endif  // COORDINATOR_CLI_JOB_TEXT_H_
