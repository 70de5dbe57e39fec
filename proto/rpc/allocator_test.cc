#include "proto/rpc/allocator.h"

#include <malloc.h>

#include <memory>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr size_t kBytes = 16 << 20;

TEST(AllocatorTest, KeepsTheMemoryOfLargeMessages) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers have an allocator of their own";
#endif
  TuneAllocatorForTransport();
  const size_t mapped_before = mallinfo2().hblks;
  auto message = std::make_unique<char[]>(kBytes);
  // Untuned it is a mapping of its own, which free returns to the kernel.
  EXPECT_EQ(mallinfo2().hblks, mapped_before);
  const size_t heap_bytes = mallinfo2().arena;
  EXPECT_GE(heap_bytes, kBytes);
  message.reset();
  EXPECT_EQ(mallinfo2().arena, heap_bytes);
}

}  // namespace
}  // namespace penstock
