#ifndef KERNELS_CUDA_EMULATOR_DEVICE_MEMORY_H_
#define KERNELS_CUDA_EMULATOR_DEVICE_MEMORY_H_

#include <cstddef>

namespace penstock::cuda::emulator {

// The emulated device's memory: the host's, but closed to the host's code as a
// device's is. Reading or writing it ends the process with a segmentation fault
// unless a kernel or copy runs. Thread-safe.

inline constexpr size_t kDeviceBytes = size_t{16} << 30;

// At 256 bytes. Up to 16 MiB are filled with 0xff: NaNs, and numbers of no
// token. Null if there is no room.
std::byte* AllocateDevice(size_t bytes);
// Ends the process if `memory` is neither null nor what AllocateDevice gave.
void FreeDevice(void* memory);

// Not allocated.
size_t FreeDeviceBytes();

// Opens the memory for as long as there is one; they nest, over threads, too.
class OpenDevice {
 public:
  OpenDevice();
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
};

}  // namespace penstock::cuda::emulator

#endif  // KERNELS_CUDA_EMULATOR_DEVICE_MEMORY_H_
