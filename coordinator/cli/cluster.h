#ifndef COORDINATOR_CLI_CLUSTER_H_
#define COORDINATOR_CLI_CLUSTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace penstock {

// A cluster of processes on this machine that listen on loopback only:
//   <state dir>/coordinator/{address,log,...}
//   <state dir>/worker-<i>/{log,...}
//   <state dir>/cluster.json   what runs (cluster_file.h)
struct ClusterOptions {
  std::string state_dir;             // Absolute; made when it is not there.
  std::string executable_directory;  // Where the daemons' programs are.
  int workers = 1;                   // 1 to 64.
  std::vector<std::string> roots;    // Paths of jobs must be below one.
  // CUDA devices, which the workers take in turn: one each; empty for CPUs.
  std::vector<int> cuda;
  std::vector<std::string> worker_flags;             // More of each worker's.
  absl::Duration start_timeout = absl::Seconds(60);  // Until all serve.
};

// Starts the coordinator and the workers, which outlive this process, and waits
// until all workers are registered. A failure stops what was started. Returns
// the coordinator's address.
//
// Errors:
//   FailedPrecondition: a cluster runs in the directory already.
//   NotFound: a daemon's program is not in the directory.
//   Unavailable: a daemon ended at once; with the end of its log.
//   DeadlineExceeded: not all workers came in time; with the end of a log.
//   Cancelled: by Ctrl-C.
absl::StatusOr<std::string> StartCluster(const ClusterOptions& options);

// Stops exactly what StartCluster started there, and returns how many processes
// were alive.
//
// Errors:
//   NotFound: no cluster was started there.
//   Others: as ReadCluster, LockCluster and StopProcesses say.
absl::StatusOr<int> StopCluster(const std::string& state_dir);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CLUSTER_H_
