#ifndef PROTO_BASE_AVAILABLE_MEMORY_H_
#define PROTO_BASE_AVAILABLE_MEMORY_H_

#include <cstdint>

namespace penstock {

// Bytes that new processes of this machine can use without swapping, as the
// kernel estimates; 0 where /proc/meminfo does not say.
int64_t AvailableMemoryBytes();

}  // namespace penstock

#endif  // PROTO_BASE_AVAILABLE_MEMORY_H_
