#include "proto/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct OpenedFile {
  FileDescriptor fd;
  uint64_t size = 0;
};

absl::StatusOr<OpenedFile> OpenRegularFile(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not a regular file", path));
  }
  return OpenedFile{std::move(fd), static_cast<uint64_t>(info.st_size)};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const OpenedFile file, OpenRegularFile(path));
  if (file.size == 0) return MappedFile({});
  void* data =
      ::mmap(nullptr, file.size, PROT_READ, MAP_SHARED, file.fd.get(), 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, path);
  return MappedFile({static_cast<const std::byte*>(data), file.size});
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

absl::Status ErrnoStatus(int error_number, std::string_view what) {
  const std::string message = fmt::format(
      "{}: {}", what, std::generic_category().message(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
    case EXDEV:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     uint64_t size_max) {
  ASSIGN_OR_RETURN(const OpenedFile file, OpenRegularFile(path));
  if (file.size > size_max) {
    return absl::InvalidArgumentError(fmt::format(
        "{} has {} bytes; at most {} are read", path, file.size, size_max));
  }
  std::string content(file.size, '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t count =
        ::read(file.fd.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, path);
    if (count == 0) break;  // Shortened since fstat.
    done += static_cast<size_t>(count);
  }
  content.resize(done);
  return content;
}

absl::Status WriteAll(int fd, std::span<const std::byte> bytes,
                      std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, path);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path,
                                 std::string_view content) {
  const std::string temporary = path + ".tmp";
  {
    const FileDescriptor fd(::open(
        temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) return ErrnoStatus(errno, temporary);
    RETURN_IF_ERROR(WriteAll(
        fd.get(), std::as_bytes(std::span(content.data(), content.size())),
        temporary));
    if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, path);
  }
  return SyncDirectory(std::filesystem::path(path).parent_path().string());
}

absl::Status SyncDirectory(const std::string& directory) {
  const std::string name = directory.empty() ? "." : directory;
  const FileDescriptor fd(
      ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, name);
  if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, name);
  return absl::OkStatus();
}

}  // namespace penstock
