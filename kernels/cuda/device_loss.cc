#include "kernels/cuda/device_loss.h"

#include <map>
#include <utility>

namespace penstock::cuda {
namespace {

struct Losses {
  Mutex mutex;
  std::map<std::pair<const Runtime*, int>, std::weak_ptr<DeviceLoss>> by_device
      ABSL_GUARDED_BY(mutex);
};

// Never destroyed: threads may outlive static objects.
Losses& AllLosses() {
  static Losses& losses = *new Losses;
  return losses;
}

}  // namespace

absl::Status DeviceLoss::status() const {
  MutexLock lock(mutex_);
  return status_;
}

void DeviceLoss::Set(const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (status_.ok()) status_ = reason;
}

std::shared_ptr<DeviceLoss> LossOf(const Runtime& runtime, int device) {
  Losses& losses = AllLosses();
  MutexLock lock(losses.mutex);
  std::weak_ptr<DeviceLoss>& kept = losses.by_device[{&runtime, device}];
  std::shared_ptr<DeviceLoss> loss = kept.lock();
  if (loss == nullptr) {
    loss = std::make_shared<DeviceLoss>();
    kept = loss;
  }
  return loss;
}

}  // namespace penstock::cuda
