#ifndef PROTO_FILE_DISK_H_
#define PROTO_FILE_DISK_H_

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/file.h"

namespace penstock {

// Every change to the file system that a checkpoint makes goes through this, so
// that tests can stop the world at each of them. Errors of every method: as
// ErrnoStatus (proto/base/file.h).
//
// Thread-safe.
class Disk {
 public:
  virtual ~Disk() = default;

  // Creates `path` for writing; a file of that name is emptied.
  virtual absl::StatusOr<FileDescriptor> Create(const std::string& path) = 0;

  virtual absl::Status Write(const FileDescriptor& file,
                             std::span<const std::byte> bytes,
                             const std::string& path) = 0;

  virtual absl::Status Sync(const FileDescriptor& file,
                            const std::string& path) = 0;

  virtual absl::Status SyncDirectory(const std::string& path) = 0;

  // Creates `path` and its missing parents; one that exists is fine.
  virtual absl::Status MakeDirectory(const std::string& path) = 0;

  // Replaces `to` by `from` in one step. When `to` is a directory that exists,
  // the two exchange their names.
  virtual absl::Status Rename(const std::string& from,
                              const std::string& to) = 0;

  // Removes a file or a directory with all that is in it; none is fine.
  virtual absl::Status Remove(const std::string& path) = 0;
};

// The machine's. Lives as long as the process.
Disk& RealDisk();

}  // namespace penstock

#endif  // PROTO_FILE_DISK_H_
