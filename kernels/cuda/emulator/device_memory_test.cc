#include "kernels/cuda/emulator/device_memory.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace penstock::cuda::emulator {
namespace {

TEST(DeviceMemoryTest, BelongsToTheDevice) {
  volatile std::byte* const memory = AllocateDevice(100);
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
  EXPECT_DEATH(memory[0] = std::byte{1}, "");
  EXPECT_DEATH(static_cast<void>(memory[99]), "");
  {
    const OpenDevice open;
    const OpenDevice again;
    EXPECT_EQ(std::byte{memory[99]}, std::byte{0xff});
    memory[0] = std::byte{1};
  }
  EXPECT_DEATH(static_cast<void>(memory[0]), "");
  FreeDevice(const_cast<std::byte*>(memory));
}

TEST(DeviceMemoryTest, HasAnEndAndTakesBack) {
  const size_t free = FreeDeviceBytes();
  EXPECT_EQ(AllocateDevice(kDeviceBytes), nullptr);
  EXPECT_EQ(AllocateDevice(SIZE_MAX), nullptr);
  std::vector<std::byte*> blocks;
  for (int i = 0; i < 3; ++i) {
    blocks.push_back(AllocateDevice(5000));
    ASSERT_NE(blocks.back(), nullptr);
  }
  EXPECT_LT(FreeDeviceBytes(), free - 3 * 5000);
  FreeDevice(blocks[1]);
  EXPECT_EQ(AllocateDevice(5000), blocks[1]);
  for (std::byte* const block : blocks) FreeDevice(block);
  FreeDevice(nullptr);
  EXPECT_EQ(FreeDeviceBytes(), free);
  EXPECT_DEATH(FreeDevice(blocks[1]), "broken invariant");
}

}  // namespace
}  // namespace penstock::cuda::emulator
