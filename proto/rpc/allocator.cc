#include "proto/rpc/allocator.h"

#include <malloc.h>

#include <climits>

namespace penstock {

void TuneAllocatorForTransport() {
  // The largest threshold that glibc takes.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  // Messages are received on one thread and freed on another; with one arena
  // the memory is found again.
  mallopt(M_ARENA_MAX, 1);
}

}  // namespace penstock
