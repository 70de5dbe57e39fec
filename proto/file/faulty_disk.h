#ifndef PROTO_FILE_FAULTY_DISK_H_
#define PROTO_FILE_FAULTY_DISK_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "proto/base/mutex.h"
#include "proto/file/disk.h"

namespace penstock {

// A disk for tests on which everything goes wrong at a chosen operation. It
// works on the machine's and remembers what was not synced yet. Thread-safe.
class FaultyDisk : public Disk {
 public:
  enum class Fault {
    kCrash,  // This operation and all later ones do not happen.
    kFull,   // No space is left: this and all later creations and writes fail.
  };

  // Operations are numbered from 0.
  FaultyDisk(Fault fault, int operation)
      : fault_(fault), operation_(operation) {}

  absl::StatusOr<FileDescriptor> Create(const std::string& path) override;
  absl::Status Write(const FileDescriptor& file,
                     std::span<const std::byte> bytes,
                     const std::string& path) override;
  absl::Status Sync(const FileDescriptor& file,
                    const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;

  // True when the fault has happened.
  bool struck() const;

  // What a power failure may leave: files whose content was not synced are cut
  // to half, names that were not synced are gone, and so are renames. A file
  // system may also have kept any of that; not calling this is the other end.
  void LoseUnsynced();

 private:
  // Counts the operation. Not OK when it must not happen.
  absl::Status Next(bool needs_space);

  const Fault fault_;
  const int operation_;
  mutable Mutex mutex_;
  int next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> dirty_files_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> dirty_names_ ABSL_GUARDED_BY(mutex_);
  struct Move {
    std::string from;
    std::string to;
  };
  std::vector<Move> dirty_moves_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // PROTO_FILE_FAULTY_DISK_H_
