#include "proto/base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

std::string HolderOf(const std::string& lock_path) {
  const absl::StatusOr<std::string> text = ReadFile(lock_path, 64);
  if (!text.ok() || text->empty()) return "another process";
  return fmt::format("process {}", text->substr(0, text->find('\n')));
}

absl::StatusOr<FileDescriptor> Lock(const std::string& directory) {
  const std::string path = directory + "/lock";
  FileDescriptor lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return ErrnoStatus(errno, path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, path);
    return absl::FailedPreconditionError(fmt::format(
        "state directory {}: {} is using it; stop that one or choose another "
        "directory",
        directory, HolderOf(path)));
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(lock.get(), 0) != 0) return ErrnoStatus(errno, path);
  RETURN_IF_ERROR(WriteAll(lock.get(), std::as_bytes(std::span(pid)), path));
  return lock;
}

}  // namespace

absl::StatusOr<LockedDirectory> LockDirectory(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return ErrnoStatus(error.value(), path);
  const std::string directory = absolute.lexically_normal().string();
  const bool existed = std::filesystem::exists(directory, error);
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(error.value(), directory);
  if (!existed && chmod(directory.c_str(), 0700) != 0) {
    return ErrnoStatus(errno, directory);
  }
  ASSIGN_OR_RETURN(FileDescriptor lock, Lock(directory));
  return LockedDirectory{directory, std::move(lock)};
}

}  // namespace penstock
