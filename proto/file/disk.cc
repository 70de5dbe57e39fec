#include "proto/file/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status ToStatus(const std::error_code& error, const std::string& path) {
  if (!error) return absl::OkStatus();
  return ErrnoStatus(error.value(), path);
}

// For file systems that cannot exchange names, such as NFS. A crash between the
// two renames leaves the old directory under its other name.
absl::Status ExchangeInTwoSteps(const std::string& from,
                                const std::string& to) {
  const std::string aside = from + ".old";
  if (::rename(to.c_str(), aside.c_str()) != 0) return ErrnoStatus(errno, to);
  if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, from);
  if (::rename(aside.c_str(), from.c_str()) != 0) {
    return ErrnoStatus(errno, aside);
  }
  return absl::OkStatus();
}

class SystemDisk : public Disk {
 public:
  absl::StatusOr<FileDescriptor> Create(const std::string& path) override {
    FileDescriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return ErrnoStatus(errno, path);
    return file;
  }

  absl::Status Write(const FileDescriptor& file,
                     std::span<const std::byte> bytes,
                     const std::string& path) override {
    return WriteAll(file.get(), bytes, path);
  }

  absl::Status Sync(const FileDescriptor& file,
                    const std::string& path) override {
    if (::fsync(file.get()) != 0) return ErrnoStatus(errno, path);
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(const std::string& path) override {
    return penstock::SyncDirectory(path);
  }

  absl::Status MakeDirectory(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    return ToStatus(error, path);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    if (errno != ENOTEMPTY && errno != EEXIST) return ErrnoStatus(errno, from);
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                    RENAME_EXCHANGE) == 0) {
      return absl::OkStatus();
    }
    if (errno != EINVAL && errno != ENOSYS) return ErrnoStatus(errno, to);
    return ExchangeInTwoSteps(from, to);
  }

  absl::Status Remove(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return ToStatus(error, path);
  }
};

}  // namespace

Disk& RealDisk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace penstock
