#ifndef PROTO_BASE_FILE_H_
#define PROTO_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

// Owns a file descriptor. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A whole file, read-only in memory without being read. The bytes stay valid as
// long as this object; a file that another process shortens meanwhile raises
// SIGBUS, so only files that nobody writes are mapped.
class MappedFile {
 public:
  // Errors: as for ReadFile.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// The Status of a failed system call: NotFound, PermissionDenied,
// ResourceExhausted (no space, quota, descriptors), Internal for the rest; the
// message is "<what>: <errno's text>".
absl::Status ErrnoStatus(int error_number, std::string_view what);

// The content of a file of at most `size_max` bytes.
//
// Errors:
//   NotFound, PermissionDenied: as the system says.
//   InvalidArgument: the file is larger, or not a regular file.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     uint64_t size_max = 64 << 20);

// Writes all bytes at the descriptor's position.
//
// Errors: ResourceExhausted when the disk is full; else as ErrnoStatus.
absl::Status WriteAll(int fd, std::span<const std::byte> bytes,
                      std::string_view path);

// Replaces `path` so that after a crash there is the old content or the new
// one: temporary file, fsync, rename, fsync of the directory.
absl::Status WriteFileAtomically(const std::string& path,
                                 std::string_view content);

// Makes names created or renamed in `directory` survive a crash.
absl::Status SyncDirectory(const std::string& directory);

}  // namespace penstock

#endif  // PROTO_BASE_FILE_H_
