#ifndef KERNELS_CUDA_EMULATOR_FIBERS_H_
#define KERNELS_CUDA_EMULATOR_FIBERS_H_

#include <cstddef>
#include <functional>

namespace penstock::cuda::emulator {

// Runs CUDA's blocks of threads on the calling thread, one block after the
// other, each of its threads a fiber that goes on until it waits for others.
// The order in which they go on is as unlike a device's as barriers allow, so
// that missing ones show. One grid runs at a time: streams.h sees to that.

struct Index {
  unsigned x = 0;
  unsigned y = 0;
  unsigned z = 0;
};

// Of the fiber that runs.
inline Index thread_index;
inline Index block_index;
inline Index block_size;
inline Index grid_size;

// Runs `thread` once for every thread of every block. Ends the process with a
// message if the threads of a block wait for each other in vain.
void RunGrid(const Index& grid, const Index& block,
             const std::function<void()>& thread);

// Return when all threads of the block, or of the warp, that have not ended are
// here.
void WaitForBlock();
void WaitForWarp();

// Returns the or of all threads' values.
bool OrOfBlock(bool value);

// Returns what lane `lane` of the warp passed; at most 8 bytes.
void Exchange(const void* value, size_t bytes, unsigned lane, void* result);

}  // namespace penstock::cuda::emulator

#endif  // KERNELS_CUDA_EMULATOR_FIBERS_H_
