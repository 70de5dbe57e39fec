#include "worker/executor/resident_memory.h"

#include <cstring>
#include <memory>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(ResidentMemoryTest, GrowsWithWhatIsTouchedAndRemembersThePeak) {
  constexpr int64_t kBytes = 64 << 20;
  const ResidentMemory before = ReadResidentMemory();
  EXPECT_GT(before.bytes, 0);
  {
    const auto block = std::make_unique<char[]>(kBytes);
    std::memset(block.get(), 1, kBytes);
    EXPECT_GE(ReadResidentMemory().bytes, before.bytes + kBytes * 9 / 10);
  }
  EXPECT_GE(ReadResidentMemory().peak_bytes, before.bytes + kBytes * 9 / 10);
}

}  // namespace
}  // namespace penstock
