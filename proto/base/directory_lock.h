#ifndef PROTO_BASE_DIRECTORY_LOCK_H_
#define PROTO_BASE_DIRECTORY_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/base/file.h"

namespace penstock {

// A daemon's state directory, held as long as `lock` lives; the kernel releases
// it with the process, however that ends. The file "lock" in it has the process
// id, for people.
struct LockedDirectory {
  std::string path;  // Absolute.
  FileDescriptor lock;
};

// Creates the directory (mode 0700) and its parents when they are not there,
// and locks it.
//
// Errors:
//   FailedPrecondition: another process has locked it; the message names it.
//   PermissionDenied, ResourceExhausted: as the system says.
absl::StatusOr<LockedDirectory> LockDirectory(const std::string& path);

}  // namespace penstock

#endif  // PROTO_BASE_DIRECTORY_LOCK_H_
