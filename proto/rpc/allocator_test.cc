#include "proto/rpc/allocator.h"

#include <sys/resource.h>

#include <cstring>
#include <memory>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr size_t kBytes = 16 << 20;

int64_t FaultsOfALargeMessage() {
  rusage before;
  getrusage(RUSAGE_SELF, &before);
  const auto message = std::make_unique<char[]>(kBytes);
  std::memset(message.get(), 1, kBytes);
  rusage after;
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(AllocatorTest, FaultsTheMemoryOfLargeMessagesInOnce) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers have an allocator of their own";
#endif
  TuneAllocatorForTransport();
  FaultsOfALargeMessage();
  // Untuned it is one fault for each of the 4096 pages, every time.
  EXPECT_LT(FaultsOfALargeMessage(), 100);
}

}  // namespace
}  // namespace penstock
