#ifndef TESTS_GPU_IDLE_BACKEND_H_
#define TESTS_GPU_IDLE_BACKEND_H_

#include <memory>

#include "kernels/backend.h"

namespace penstock::gpu {

// Takes every operation and does nothing: for looking at what a model asks of
// its device where that is larger than the machine. Memory is addresses that
// fault when they are touched, though host_memory() says otherwise, so that
// callers take no memory of the host in its place. Sums are 0.
//
// Thread-compatible.
std::unique_ptr<Backend> MakeIdleBackend();

}  // namespace penstock::gpu

#endif  // TESTS_GPU_IDLE_BACKEND_H_
