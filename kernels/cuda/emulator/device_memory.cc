#include "kernels/cuda/emulator/device_memory.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/base/thread_annotations.h"
#include "proto/base/check.h"
#include "proto/base/mutex.h"

namespace penstock::cuda::emulator {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kPage = 4096;

// What is opened and closed has to be small: that takes 50 us per MiB that was
// ever written.
constexpr size_t kFilledBytesMax = size_t{16} << 20;

// Between two blocks, for the address sanitizer.
constexpr size_t kGap = kAlignment;

size_t RoundUp(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

class Memory {
 public:
  Memory() {
    void* const mapped =
        ::mmap(nullptr, kDeviceBytes, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    PENSTOCK_CHECK(mapped != MAP_FAILED);
    base_ = static_cast<std::byte*>(mapped);
  }

  // First fit.
  std::byte* Allocate(size_t bytes) {
    const size_t taken = RoundUp(std::max<size_t>(bytes, 1), kAlignment) + kGap;
    MutexLock lock(mutex_);
    size_t begin = 0;
    for (const auto& [block, size] : blocks_) {
      if (block - begin >= taken) break;
      begin = block + size;
    }
    if (bytes > kDeviceBytes || kDeviceBytes - begin < taken) return nullptr;
    blocks_[begin] = taken;
    ASAN_POISON_MEMORY_REGION(base_ + begin, taken);
    ASAN_UNPOISON_MEMORY_REGION(base_ + begin, bytes);
    return base_ + begin;
  }

  void Free(void* memory) {
    if (memory == nullptr) return;
    MutexLock lock(mutex_);
    const auto block = blocks_.find(static_cast<std::byte*>(memory) - base_);
    PENSTOCK_CHECK(block != blocks_.end());
    const auto [begin, taken] = *block;
    ASAN_POISON_MEMORY_REGION(base_ + begin, taken);
    blocks_.erase(block);
    // Whole pages go back to the machine.
    const size_t first = RoundUp(begin, kPage);
    const size_t end = (begin + taken) / kPage * kPage;
    if (first < end) ::madvise(base_ + first, end - first, MADV_DONTNEED);
  }

  size_t FreeBytes() {
    MutexLock lock(mutex_);
    size_t taken = 0;
    for (const auto& [block, size] : blocks_) taken += size;
    return kDeviceBytes - taken;
  }

  void Open() {
    MutexLock lock(mutex_);
    if (openings_++ == 0) Protect(PROT_READ | PROT_WRITE);
  }
  void Close() {
    MutexLock lock(mutex_);
    if (--openings_ == 0) Protect(PROT_NONE);
  }

 private:
  void Protect(int protection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    PENSTOCK_CHECK(::mprotect(base_, kDeviceBytes, protection) == 0);
  }

  Mutex mutex_;
  std::byte* base_ = nullptr;
  // Bytes with the gap behind them, by offset.
  std::map<size_t, size_t> blocks_ ABSL_GUARDED_BY(mutex_);
  int openings_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Never destroyed: tests' static objects may hold device memory.
Memory& DeviceMemory() {
  static Memory& memory = *new Memory;
  return memory;
}

}  // namespace

std::byte* AllocateDevice(size_t bytes) {
  std::byte* const memory = DeviceMemory().Allocate(bytes);
  if (memory == nullptr) return nullptr;
  if (bytes <= kFilledBytesMax) {
    const OpenDevice open;
    std::memset(memory, 0xff, bytes);
  }
  return memory;
}

void FreeDevice(void* memory) { DeviceMemory().Free(memory); }

size_t FreeDeviceBytes() { return DeviceMemory().FreeBytes(); }

OpenDevice::OpenDevice() { DeviceMemory().Open(); }
OpenDevice::~OpenDevice() { DeviceMemory().Close(); }

}  // namespace penstock::cuda::emulator
