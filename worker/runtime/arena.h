#ifndef WORKER_RUNTIME_ARENA_H_
#define WORKER_RUNTIME_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"

namespace penstock {

// One allocation that holds everything a rank needs on its device, cut once and
// never freed in part. `Plan` runs the cutting function twice: first to add up
// the sizes, then over the memory, so sizes are written down in one place.
//
// Thread-compatible.
class Arena {
 public:
  // `cut` takes what it needs in an order that depends on the plan alone. In
  // the first run the pointers it gets must not be followed.
  //
  // Errors: ResourceExhausted: the backend has not enough memory.
  static absl::StatusOr<std::unique_ptr<Arena>> Plan(
      Backend& backend, const std::function<void(Arena&)>& cut);

  // Only adds up sizes: Take gives null.
  static Arena ForSizes() { return Arena(nullptr); }

  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `bytes` of memory, aligned to 256.
  std::byte* Take(int64_t bytes);
  float* TakeFloats(int64_t count) {
    return reinterpret_cast<float*>(Take(count * 4));
  }

  int64_t bytes() const { return used_; }

 private:
  explicit Arena(Backend* backend) : backend_(backend) {}

  Backend* const backend_;
  std::byte* memory_ = nullptr;
  int64_t capacity_ = 0;  // 0 while sizes are added up.
  int64_t used_ = 0;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_ARENA_H_
