#include "worker/executor/watched_copy_queue.h"

#include <utility>

namespace penstock {
namespace {

class WatchedCopyQueue final : public CopyQueue {
 public:
  WatchedCopyQueue(std::unique_ptr<CopyQueue> copies,
                   std::shared_ptr<DeviceCallLine> line)
      : copies_(std::move(copies)), line_(std::move(line)) {}

  ~WatchedCopyQueue() override {
    const DeviceCall call(*line_, "closing");
    copies_.reset();
  }

  absl::StatusOr<std::byte*> AllocateHost(int64_t bytes) override {
    const DeviceCall call(*line_, "allocate_host");
    return copies_->AllocateHost(bytes);
  }
  void FreeHost(std::byte* memory) override {
    const DeviceCall call(*line_, "free_host");
    copies_->FreeHost(memory);
  }
  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override {
    const DeviceCall call(*line_, "copy_in");
    return copies_->CopyIn(host, device);
  }
  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override {
    const DeviceCall call(*line_, "copy_out");
    return copies_->CopyOut(device, host);
  }
  absl::Status Synchronize() override {
    const DeviceCall call(*line_, "synchronize");
    return copies_->Synchronize();
  }

 private:
  std::unique_ptr<CopyQueue> copies_;
  const std::shared_ptr<DeviceCallLine> line_;
};

}  // namespace

std::unique_ptr<CopyQueue> WatchCopyQueue(
    std::unique_ptr<CopyQueue> copies, std::shared_ptr<DeviceCallLine> line) {
  return std::make_unique<WatchedCopyQueue>(std::move(copies), std::move(line));
}

}  // namespace penstock
