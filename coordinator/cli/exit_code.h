#ifndef COORDINATOR_CLI_EXIT_CODE_H_
#define COORDINATOR_CLI_EXIT_CODE_H_

#include "absl/status/status.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// What scripts branch on; documented in `penstock --help`.
enum ExitCode : int {
  kExitOk = 0,
  kExitInternal = 1,     // A bug, the network, a disk.
  kExitUsage = 2,        // The command line or the job file is wrong.
  kExitNotFound = 3,     // No such job, worker or file.
  kExitRefused = 4,      // Not allowed, or not in this state.
  kExitNotPlaced = 5,    // The job can never fit this cluster.
  kExitJobFailed = 10,   // The job that was waited for failed,
  kExitCancelled = 11,   // or was cancelled,
  kExitNotFinished = 12  // or goes on after the time given.
};

ExitCode ExitCodeOf(const absl::Status& status);

// Of a job that was watched; kExitNotFinished unless `state` is final.
ExitCode ExitCodeOf(v1::JobState state);

// SUCCEEDED, FAILED or CANCELLED.
bool IsFinal(v1::JobState state);

}  // namespace penstock

#endif  // COORDINATOR_CLI_EXIT_CODE_H_
