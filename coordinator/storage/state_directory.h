#ifndef COORDINATOR_STORAGE_STATE_DIRECTORY_H_
#define COORDINATOR_STORAGE_STATE_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "proto/base/file.h"

namespace penstock {

// The directory that one coordinator keeps everything in:
//   lock          held as long as this object lives; the holder's process id
//   journal.db    jobs, requests, metrics, log lines (SQLite)
//   address       "host:port", once it serves
//   checkpoints/  one directory per job
// The kernel releases the lock with the process, however it ends.
class StateDirectory {
 public:
  // Creates the directory (mode 0700) and its parents when they are not there,
  // and locks it.
  //
  // Errors:
  //   FailedPrecondition: another process has locked it; the message names it.
  //   PermissionDenied, ResourceExhausted: as the system says.
  static absl::StatusOr<StateDirectory> Open(const std::string& path);

  const std::string& path() const { return path_; }  // Absolute.
  std::string JournalPath() const { return path_ + "/journal.db"; }
  std::string AddressPath() const { return path_ + "/address"; }
  std::string CheckpointDirectory() const { return path_ + "/checkpoints"; }

 private:
  StateDirectory(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor lock_;
};

}  // namespace penstock

#endif  // COORDINATOR_STORAGE_STATE_DIRECTORY_H_
