// The emulated device finds the mistakes of its users: memory of the device
// that the host touches, and waits that are missing.

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "kernels/copy_queue.h"
#include "kernels/cuda/emulator/streams.h"
#include "kernels/cuda_devices.h"

namespace penstock {
namespace {

constexpr int64_t kCount = 4;
constexpr int64_t kBytes = kCount * sizeof(float);
using Values = std::array<float, kCount>;

class EmulatedTest : public testing::Test {
 protected:
  EmulatedTest() {
    auto backend = MakeCudaBackend(0);
    EXPECT_TRUE(backend.ok());
    backend_ = *std::move(backend);
    auto copies = MakeCudaCopyQueue(0, absl::Seconds(10));
    EXPECT_TRUE(copies.ok());
    copies_ = *std::move(copies);
    auto memory = backend_->Allocate(kBytes);
    EXPECT_TRUE(memory.ok());
    memory_ = *memory;
  }
  ~EmulatedTest() override {
    backend_->Free(memory_);
    backend_->Free(ones_);
  }

  float* floats() { return reinterpret_cast<float*>(memory_); }

  void Write(const Values& values) {
    ASSERT_TRUE(
        backend_->CopyIn(std::as_bytes(std::span(values)), memory_).ok());
    ASSERT_TRUE(backend_->Synchronize().ok());
  }

  // Adds one to what is there.
  void QueueSum() {
    if (ones_ == nullptr) {
      ones_ = *backend_->Allocate(kBytes);
      constexpr Values kOnes{1, 1, 1, 1};
      ASSERT_TRUE(
          backend_->CopyIn(std::as_bytes(std::span(kOnes)), ones_).ok());
      ASSERT_TRUE(backend_->Synchronize().ok());
    }
    ASSERT_TRUE(
        backend_->Accumulate(reinterpret_cast<float*>(ones_), kCount, floats())
            .ok());
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<CopyQueue> copies_;
  std::byte* memory_ = nullptr;
  std::byte* ones_ = nullptr;
};

TEST_F(EmulatedTest, IsOneDevice) {
  const auto devices = ListCudaDevices();
  ASSERT_TRUE(devices.ok());
  EXPECT_EQ(devices->size(), 1u);
  EXPECT_FALSE(backend_->host_memory());
  EXPECT_EQ(MakeCudaBackend(1).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EmulatedTest, AHostThatTouchesDeviceMemoryCrashes) {
  Write({1, 2, 3, 4});
  volatile float* const value = floats();
  EXPECT_DEATH(static_cast<void>(*value), "");
  EXPECT_DEATH(*value = 1, "");
}

TEST_F(EmulatedTest, AMissingWaitForACopyOutShows) {
  Write({1, 2, 3, 4});
  Values read{};
  ASSERT_TRUE(
      backend_->CopyOut(memory_, std::as_writable_bytes(std::span(read))).ok());
  EXPECT_EQ(read, Values{});
  ASSERT_TRUE(backend_->Synchronize().ok());
  EXPECT_EQ(read, (Values{1, 2, 3, 4}));
}

TEST_F(EmulatedTest, HostMemoryThatIsUsedAgainTooEarlyShows) {
  Values values{1, 2, 3, 4};
  ASSERT_TRUE(backend_->CopyIn(std::as_bytes(std::span(values)), memory_).ok());
  values = {5, 6, 7, 8};
  Values read{};
  ASSERT_TRUE(
      backend_->CopyOut(memory_, std::as_writable_bytes(std::span(read))).ok());
  ASSERT_TRUE(backend_->Synchronize().ok());
  EXPECT_EQ(read, (Values{5, 6, 7, 8}));
}

// A copy beside a kernel is before it or after it, and right only with a wait
// in between.
TEST_F(EmulatedTest, AMissingWaitBetweenQueuesShows) {
  int before = 0;
  constexpr int kTries = 32;
  for (int i = 0; i < kTries; ++i) {
    Write({1, 2, 3, 4});
    QueueSum();
    Values read{};
    ASSERT_TRUE(
        copies_->CopyOut(memory_, std::as_writable_bytes(std::span(read)))
            .ok());
    ASSERT_TRUE(copies_->Synchronize().ok());
    if (read == Values{1, 2, 3, 4}) ++before;
    ASSERT_TRUE(backend_->Synchronize().ok());
  }
  EXPECT_GT(before, 0);
  EXPECT_LT(before, kTries);
  for (int i = 0; i < kTries; ++i) {
    Write({1, 2, 3, 4});
    QueueSum();
    ASSERT_TRUE(backend_->Synchronize().ok());
    Values read{};
    ASSERT_TRUE(
        copies_->CopyOut(memory_, std::as_writable_bytes(std::span(read)))
            .ok());
    ASSERT_TRUE(copies_->Synchronize().ok());
    EXPECT_EQ(read, (Values{2, 3, 4, 5}));
  }
}

TEST_F(EmulatedTest, CopiesThroughPageLockedMemory) {
  const auto host = copies_->AllocateHost(kBytes);
  ASSERT_TRUE(host.ok());
  const Values values{1, 2, 3, 4};
  std::memcpy(*host, values.data(), kBytes);
  ASSERT_TRUE(copies_->CopyIn(std::span(*host, kBytes), memory_).ok());
  ASSERT_TRUE(copies_->Synchronize().ok());
  std::memset(*host, 0, kBytes);
  ASSERT_TRUE(copies_->CopyOut(memory_, std::span(*host, kBytes)).ok());
  ASSERT_TRUE(copies_->Synchronize().ok());
  EXPECT_EQ(std::memcmp(*host, values.data(), kBytes), 0);
  copies_->FreeHost(*host);
}

}  // namespace
}  // namespace penstock
