#ifndef WORKER_LINK_LATE_COPY_QUEUE_H_
#define WORKER_LINK_LATE_COPY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/copy_queue.h"

namespace penstock {

// A copy queue for tests without a device: copies are made when they are waited
// for and not before, so that a missing wait shows.
class LateCopyQueue final : public CopyQueue {
 public:
  // Synchronize answers `status` and copies nothing when it is an error.
  explicit LateCopyQueue(absl::Status status = {})
      : status_(std::move(status)) {}

  absl::StatusOr<std::byte*> AllocateHost(int64_t bytes) override {
    return new std::byte[static_cast<size_t>(bytes)];
  }
  void FreeHost(std::byte* memory) override { delete[] memory; }

  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override {
    copies_.push_back({host, device});
    return absl::OkStatus();
  }
  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override {
    copies_.push_back({{device, host.size()}, host.data()});
    return absl::OkStatus();
  }
  absl::Status Synchronize() override {
    for (const Copy& copy : std::exchange(copies_, {})) {
      if (!status_.ok()) return status_;
      std::memcpy(copy.to, copy.from.data(), copy.from.size());
    }
    return status_;
  }

 private:
  struct Copy {
    std::span<const std::byte> from;
    std::byte* to = nullptr;
  };

  const absl::Status status_;
  std::vector<Copy> copies_;
};

}  // namespace penstock

#endif  // WORKER_LINK_LATE_COPY_QUEUE_H_
