#ifndef COORDINATOR_CLI_CLUSTER_FILE_H_
#define COORDINATOR_CLI_CLUSTER_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/cli/process.h"
#include "proto/base/file.h"

namespace penstock {

// What `up` started, for `down`: the file <state dir>/cluster.json,
//   {"processes": [{"name": "worker-0", "pid": 7, "start_ticks": 12345}]}
struct ClusterProcess {
  std::string name;
  ProcessId process;

  friend bool operator==(const ClusterProcess&,
                         const ClusterProcess&) = default;
};

// Empty when there is no such file.
//
// Errors:
//   InvalidArgument: the file is not of the form above.
//   Others: as ReadFile says.
absl::StatusOr<std::vector<ClusterProcess>> ReadCluster(
    const std::string& state_dir);

// Replaces the file. Errors: as WriteFileAtomically says.
absl::Status WriteCluster(const std::string& state_dir,
                          const std::vector<ClusterProcess>& processes);

// Keeps other `up` and `down` of this directory out until it is destroyed; ends
// with the process.
//
// Errors:
//   FailedPrecondition: another one is at work.
//   Others: as the system says.
absl::StatusOr<FileDescriptor> LockCluster(const std::string& state_dir);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CLUSTER_FILE_H_
