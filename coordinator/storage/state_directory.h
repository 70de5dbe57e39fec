#ifndef COORDINATOR_STORAGE_STATE_DIRECTORY_H_
#define COORDINATOR_STORAGE_STATE_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "proto/base/directory_lock.h"
#include "proto/base/status_macros.h"

namespace penstock {

// The directory that one coordinator keeps everything in:
//   lock          held as long as this object lives
//   journal.db    jobs, requests, metrics, log lines (SQLite)
//   address       "host:port", once it serves
//   checkpoints/  one directory per job
class StateDirectory {
 public:
  // Errors: those of LockDirectory.
  static absl::StatusOr<StateDirectory> Open(const std::string& path) {
    ASSIGN_OR_RETURN(LockedDirectory locked, LockDirectory(path));
    return StateDirectory(std::move(locked));
  }

  const std::string& path() const { return locked_.path; }  // Absolute.
  std::string JournalPath() const { return path() + "/journal.db"; }
  std::string AddressPath() const { return path() + "/address"; }
  std::string CheckpointDirectory() const { return path() + "/checkpoints"; }

 private:
  explicit StateDirectory(LockedDirectory locked)
      : locked_(std::move(locked)) {}

  LockedDirectory locked_;
};

}  // namespace penstock

#endif  // COORDINATOR_STORAGE_STATE_DIRECTORY_H_
