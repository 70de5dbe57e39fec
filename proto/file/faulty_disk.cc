#include "proto/file/faulty_disk.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

std::string ParentOf(const std::string& path) {
  return fs::path(path).parent_path().string();
}

bool IsIn(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

// What lay below `from` lies below `to`.
void MoveNames(std::set<std::string>& names, const std::string& from,
               const std::string& to) {
  std::set<std::string> moved;
  for (const std::string& name : names) {
    moved.insert(IsIn(name, from) ? to + name.substr(from.size()) : name);
  }
  names = std::move(moved);
}

}  // namespace

absl::Status FaultyDisk::Next(bool needs_space) {
  MutexLock lock(mutex_);
  const int number = next_++;
  if (number < operation_) return absl::OkStatus();
  if (fault_ == Fault::kCrash) return absl::UnavailableError("crashed");
  return needs_space ? ErrnoStatus(ENOSPC, "faulty disk") : absl::OkStatus();
}

absl::StatusOr<FileDescriptor> FaultyDisk::Create(const std::string& path) {
  RETURN_IF_ERROR(Next(/*needs_space=*/true));
  MutexLock lock(mutex_);
  dirty_names_.insert(path);
  dirty_files_.insert(path);
  return RealDisk().Create(path);
}

absl::Status FaultyDisk::Write(const FileDescriptor& file,
                               std::span<const std::byte> bytes,
                               const std::string& path) {
  const absl::Status status = Next(/*needs_space=*/true);
  // A fault in the middle of a write leaves the first part of it.
  const auto done = status.ok() ? bytes : bytes.first(bytes.size() / 2);
  RETURN_IF_ERROR(RealDisk().Write(file, done, path));
  MutexLock lock(mutex_);
  dirty_files_.insert(path);
  return status;
}

absl::Status FaultyDisk::Sync(const FileDescriptor&, const std::string& path) {
  RETURN_IF_ERROR(Next(/*needs_space=*/false));
  MutexLock lock(mutex_);
  dirty_files_.erase(path);
  return absl::OkStatus();
}

absl::Status FaultyDisk::SyncDirectory(const std::string& path) {
  RETURN_IF_ERROR(Next(/*needs_space=*/false));
  MutexLock lock(mutex_);
  std::erase_if(dirty_names_, [&](const std::string& name) {
    return ParentOf(name) == path;
  });
  std::erase_if(dirty_moves_,
                [&](const Move& move) { return ParentOf(move.to) == path; });
  return absl::OkStatus();
}

absl::Status FaultyDisk::MakeDirectory(const std::string& path) {
  RETURN_IF_ERROR(Next(/*needs_space=*/true));
  return RealDisk().MakeDirectory(path);
}

absl::Status FaultyDisk::Rename(const std::string& from,
                                const std::string& to) {
  RETURN_IF_ERROR(Next(/*needs_space=*/false));
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(RealDisk().Rename(from, to));
  MoveNames(dirty_files_, from, to);
  MoveNames(dirty_names_, from, to);
  dirty_moves_.push_back({from, to});
  return absl::OkStatus();
}

absl::Status FaultyDisk::Remove(const std::string& path) {
  RETURN_IF_ERROR(Next(/*needs_space=*/false));
  MutexLock lock(mutex_);
  const auto gone = [&](const std::string& name) { return IsIn(name, path); };
  std::erase_if(dirty_files_, gone);
  std::erase_if(dirty_names_, gone);
  return RealDisk().Remove(path);
}

bool FaultyDisk::struck() const {
  MutexLock lock(mutex_);
  return next_ > operation_;
}

void FaultyDisk::LoseUnsynced() {
  MutexLock lock(mutex_);
  std::error_code error;
  for (const std::string& path : dirty_files_) {
    fs::resize_file(path, fs::file_size(path, error) / 2, error);
  }
  for (const std::string& path : dirty_names_) fs::remove(path, error);
  for (auto move = dirty_moves_.rbegin(); move != dirty_moves_.rend(); ++move) {
    // Undoes an exchange when both names are there.
    const bool exchanged = fs::exists(move->from, error);
    (exchanged ? RealDisk().Rename(move->from, move->to)
               : RealDisk().Rename(move->to, move->from))
        .IgnoreError();
  }
}

}  // namespace penstock
