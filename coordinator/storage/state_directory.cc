#include "coordinator/storage/state_directory.h"

#include "proto/base/directory_lock.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<StateDirectory> StateDirectory::Open(const std::string& path) {
  ASSIGN_OR_RETURN(LockedDirectory directory, LockDirectory(path));
  return StateDirectory(std::move(directory.path), std::move(directory.lock));
}

}  // namespace penstock
