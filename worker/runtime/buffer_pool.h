#ifndef WORKER_RUNTIME_BUFFER_POOL_H_
#define WORKER_RUNTIME_BUFFER_POOL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock {

// A fixed number of equal buffers, each lent to one micro-batch at a time. The
// order of lending depends on the calls alone, never on time.
//
// Thread-compatible.
class BufferPool {
 public:
  BufferPool() = default;
  // `count` buffers of `bytes` each, one behind the other from `memory` on.
  BufferPool(std::byte* memory, int count, int64_t bytes);

  int64_t bytes() const { return bytes_; }

  // Lends a buffer to `microbatch`.
  //
  // Errors:
  //   Internal: all are lent, or the micro-batch has one: the plan is wrong.
  absl::StatusOr<std::byte*> Acquire(int microbatch);

  // The buffer of `microbatch`; null when it has none.
  std::byte* Find(int microbatch) const;

  // True when Acquire would succeed for a new micro-batch.
  bool HasFree() const;

  // The micro-batch whose buffer was lent first; -1 when none is lent.
  int Oldest() const;

  // Takes the buffer of `microbatch` back, if it has one.
  void Release(int microbatch);

 private:
  struct Loan {
    int microbatch = -1;  // -1: free.
    uint64_t order = 0;
  };

  std::byte* memory_ = nullptr;
  int64_t bytes_ = 0;
  uint64_t loans_made_ = 0;
  std::vector<Loan> loans_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_BUFFER_POOL_H_
