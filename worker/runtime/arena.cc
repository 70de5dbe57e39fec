#include "worker/runtime/arena.h"

#include "proto/base/check.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr int64_t kAlignment = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<Arena>> Arena::Plan(
    Backend& backend, const std::function<void(Arena&)>& cut) {
  std::unique_ptr<Arena> arena(new Arena(&backend));
  cut(*arena);
  arena->capacity_ = arena->used_;
  arena->used_ = 0;
  if (arena->capacity_ == 0) return arena;
  ASSIGN_OR_RETURN(arena->memory_, backend.Allocate(arena->capacity_));
  cut(*arena);
  PENSTOCK_CHECK(arena->used_ == arena->capacity_);
  return arena;
}

Arena::~Arena() {
  if (memory_ != nullptr) backend_->Free(memory_);
}

std::byte* Arena::Take(int64_t bytes) {
  PENSTOCK_CHECK(bytes >= 0);
  const int64_t begin = used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (memory_ == nullptr) return nullptr;
  PENSTOCK_CHECK(used_ <= capacity_);
  return memory_ + begin;
}

}  // namespace penstock
