#ifndef WORKER_EXECUTOR_RESIDENT_MEMORY_H_
#define WORKER_EXECUTOR_RESIDENT_MEMORY_H_

#include <cstdint>

namespace penstock {

// What this process holds in physical memory, in bytes.
struct ResidentMemory {
  int64_t bytes = 0;
  int64_t peak_bytes = 0;  // Since it began.
};

// From /proc/self/status; zeros where there is none.
ResidentMemory ReadResidentMemory();

}  // namespace penstock

#endif  // WORKER_EXECUTOR_RESIDENT_MEMORY_H_
