#ifndef COORDINATOR_CLI_TUNE_TRIAL_H_
#define COORDINATOR_CLI_TUNE_TRIAL_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/cli/connection.h"
#include "coordinator/cli/tune_report.h"
#include "proto/v1/job.pb.h"

namespace penstock {

struct TrialOptions {
  absl::Duration timeout = absl::Minutes(10);  // Of one job.
  std::function<bool()> interrupted = [] { return false; };
};

// Runs the job `spec` on the cluster to its end and gives its figures. A job of
// its name that the coordinator remembers makes it take the name with "-2",
// "-3" and so on. Whatever stops the trial early, the job is cancelled.
//
// A job that is refused, does not fit, fails, or goes on after the timeout is a
// result, too: its `failure` says why.
//
// Errors:
//   Cancelled: interrupted.
//   Others: those of the calls, when they say nothing about this job.
absl::StatusOr<TuneResult> RunTrial(const ConnectionFlags& flags,
                                    v1::JobSpec spec,
                                    const TrialOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TUNE_TRIAL_H_
