#ifndef COORDINATOR_SERVICE_PREFLIGHT_H_
#define COORDINATOR_SERVICE_PREFLIGHT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/file/allowed_roots.h"
#include "proto/job_spec.h"

namespace penstock {

// A job whose files were looked at.
struct CheckedJob {
  // Paths canonical, the architecture known.
  JobSpec spec;
  // What may go wrong later, for the job's owner.
  std::vector<std::string> warnings;
};

// Looks at all files that a job names, before the job is accepted: a wrong path
// shall be an answer to the submission, not a failure at step 0 on a worker.
// The coordinator and its workers see the same files under the same names.
//
// Immutable, so thread-safe. Reads every token once, so a call takes as long as
// the disk needs for that.
class Preflight {
 public:
  // `checkpoint_directory` is the one that has a directory for each job.
  Preflight(AllowedRoots roots, std::string checkpoint_directory)
      : roots_(std::move(roots)),
        checkpoint_directory_(std::move(checkpoint_directory)) {}

  // Requires a spec for which Validate is OK.
  //
  // Errors, the message begins with the field:
  //   PermissionDenied: a path outside the roots, which the message names, or a
  //     file that may not be read.
  //   NotFound: a file is missing.
  //   InvalidArgument: a path is relative; a file is damaged, too short, or has
  //     tokens outside the vocabulary; the checkpoint is one of another model.
  //   FailedPrecondition: the checkpoint already has `steps` updates.
  //   Unimplemented: a model of another kind than GPT-2.
  absl::StatusOr<CheckedJob> Check(JobSpec spec) const;

 private:
  absl::Status ResolvePaths(JobSpec& spec) const;

  AllowedRoots roots_;
  std::string checkpoint_directory_;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_PREFLIGHT_H_
