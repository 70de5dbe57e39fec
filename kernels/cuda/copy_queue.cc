#include "kernels/cuda/copy_queue.h"

#include <utility>

namespace penstock::cuda {
namespace {

class DeviceCopyQueue final : public CopyQueue {
 public:
  explicit DeviceCopyQueue(std::unique_ptr<Device> device)
      : device_(std::move(device)) {}

  absl::StatusOr<std::byte*> AllocateHost(int64_t bytes) override {
    return device_->AllocateHost(bytes);
  }
  void FreeHost(std::byte* memory) override { device_->FreeHost(memory); }

  absl::Status CopyIn(std::span<const std::byte> host,
                      std::byte* device) override {
    return device_->Copy(host.data(), device, std::ssize(host));
  }
  absl::Status CopyOut(const std::byte* device,
                       std::span<std::byte> host) override {
    return device_->Copy(device, host.data(), std::ssize(host));
  }
  absl::Status Synchronize() override { return device_->Synchronize(); }

 private:
  const std::unique_ptr<Device> device_;
};

}  // namespace

std::unique_ptr<CopyQueue> MakeCopyQueue(std::unique_ptr<Device> device) {
  return std::make_unique<DeviceCopyQueue>(std::move(device));
}

}  // namespace penstock::cuda
