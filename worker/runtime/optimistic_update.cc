#include "worker/runtime/optimistic_update.h"

#include <cstddef>

#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/weights.h"

namespace penstock {

absl::Status OptimisticUpdate::Apply(int64_t step) {
  PENSTOCK_CHECK(!pending_.has_value());
  RETURN_IF_ERROR(CopyKept(Direction::kKeep));
  pending_ = step;
  return ApplyAdamW(spec_, step, /*clip_factor=*/1, backend_, memory_);
}

absl::Status OptimisticUpdate::Confirm() {
  PENSTOCK_CHECK(pending_.has_value());
  pending_.reset();
  return ZeroGradients(backend_, memory_);
}

absl::Status OptimisticUpdate::Redo(float clip_factor) {
  PENSTOCK_CHECK(pending_.has_value());
  const int64_t step = *pending_;
  RETURN_IF_ERROR(TakeBack());
  return UpdateWeights(spec_, step, clip_factor, backend_, memory_);
}

absl::Status OptimisticUpdate::TakeBack() {
  PENSTOCK_CHECK(pending_.has_value());
  pending_.reset();
  return CopyKept(Direction::kRestore);
}

absl::Status OptimisticUpdate::CopyKept(Direction direction) {
  std::byte* kept = memory_.kept;
  for (const ParameterSlot& slot : memory_.parameters) {
    const int64_t bytes = slot.parameter.count() * 4;
    for (float* values : {slot.weight, slot.first_moment, slot.second_moment}) {
      std::byte* const live = reinterpret_cast<std::byte*>(values);
      const bool keep = direction == Direction::kKeep;
      RETURN_IF_ERROR(
          backend_.Copy(keep ? live : kept, keep ? kept : live, bytes));
      kept += bytes;
    }
    if (direction == Direction::kRestore) {
      RETURN_IF_ERROR(RoundSlot(slot, backend_));
    }
  }
  return backend_.Synchronize();
}

}  // namespace penstock
