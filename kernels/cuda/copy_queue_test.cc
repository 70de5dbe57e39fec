#include "kernels/cuda/copy_queue.h"

#include <array>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kernels/cuda/fake_runtime.h"

namespace penstock::cuda {
namespace {

class CopyQueueTest : public testing::Test {
 protected:
  CopyQueueTest() {
    fake = {};
    auto device = Device::Open(FakeRuntime(), 0, FakeWait());
    EXPECT_TRUE(device.ok());
    queue_ = MakeCopyQueue(*std::move(device));
  }

  std::unique_ptr<CopyQueue> queue_;
};

TEST_F(CopyQueueTest, SaysThatTheHostHasNoMoreMemoryToLock) {
  fake.host_alloc_error = 2;
  const absl::Status status = queue_->AllocateHost(4096).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()),
            "no 4096 bytes of page-locked host memory; see `ulimit -l` and the "
            "machine's or container's limit of memory");
  EXPECT_TRUE(queue_->Synchronize().ok());
}

TEST_F(CopyQueueTest, GivesItsMemoryBack) {
  const auto memory = queue_->AllocateHost(0);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(fake.allocations, 1);
  queue_->FreeHost(*memory);
  EXPECT_EQ(fake.allocations, 0);
  EXPECT_EQ(queue_->AllocateHost(-1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CopyQueueTest, FailsWhenTheDeviceDoes) {
  std::array<std::byte, 8> bytes{};
  EXPECT_TRUE(queue_->CopyIn(bytes, bytes.data()).ok());
  EXPECT_TRUE(queue_->CopyOut(bytes.data(), bytes).ok());
  fake.query_error = 999;
  EXPECT_EQ(queue_->Synchronize().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(queue_->CopyIn(bytes, bytes.data()).code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace penstock::cuda
