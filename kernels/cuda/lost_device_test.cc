// Devices that hang, fall off or lose the context while they are waited for:
// the reason comes at once from every call after that, and nothing waits.

#include <string>

#include "gtest/gtest.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/fake_runtime.h"

namespace penstock::cuda {
namespace {

constexpr int kForever = 1'000'000'000;

class LostDeviceTest : public testing::Test {
 protected:
  LostDeviceTest() { fake = {}; }

  static std::unique_ptr<Device> Open(int index = 0) {
    auto device = Device::Open(FakeRuntime(), index, FakeWait());
    EXPECT_TRUE(device.ok());
    return *std::move(device);
  }

  static void ExpectEveryCallToFail(Device& device,
                                    const absl::Status& reason) {
    const int queries = fake.queries;
    std::byte byte{};
    EXPECT_EQ(device.Stream().status(), reason);
    EXPECT_EQ(device.Allocate(1).status(), reason);
    EXPECT_EQ(device.AllocateHost(1).status(), reason);
    EXPECT_EQ(device.Copy(&byte, &byte, 1), reason);
    EXPECT_EQ(device.Copy(&byte, &byte, 0), reason);
    EXPECT_EQ(device.Zero(&byte, 1), reason);
    EXPECT_EQ(device.Synchronize(), reason);
    EXPECT_EQ(fake.queries, queries);
  }
};

TEST_F(LostDeviceTest, WaitsAwakeForShortWorkAndAsleepForLong) {
  const auto device = Open();
  fake.queries_not_ready = 50;
  EXPECT_TRUE(device->Synchronize().ok());
  EXPECT_EQ(fake.paused, absl::ZeroDuration());
  fake.queries_not_ready = 10'000;
  EXPECT_TRUE(device->Synchronize().ok());
  EXPECT_GT(fake.paused, absl::Milliseconds(190));
}

TEST_F(LostDeviceTest, SaysThatADeviceHangsAndWhatToDo) {
  const auto device = Open(1);
  fake.queries_not_ready = kForever;
  const absl::Time begin = fake.now;
  const absl::Status hang = device->Synchronize();
  EXPECT_EQ(hang.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(std::string(hang.message()),
            "CUDA device 1 has not finished within 10s; it hangs or another "
            "process holds it: see `nvidia-smi` and the kernel's log for an "
            "Xid, then start this process again");
  EXPECT_LT(fake.now - begin, absl::Seconds(10.001));
  ExpectEveryCallToFail(*device, hang);
}

TEST_F(LostDeviceTest, NothingWaitsForADeviceThatHangs) {
  auto device = Open();
  const auto memory = device->Allocate(1);
  const auto host_memory = device->AllocateHost(1);
  ASSERT_TRUE(memory.ok() && host_memory.ok());
  fake.queries_not_ready = kForever;
  EXPECT_FALSE(device->Synchronize().ok());
  const int queries = fake.queries;
  device->Free(*memory);
  device->FreeHost(*host_memory);
  device.reset();
  EXPECT_EQ(fake.queries, queries);
  EXPECT_EQ(fake.allocations, 2);
  EXPECT_EQ(fake.streams, 1);
  FakeRuntime().free(*memory);
  FakeRuntime().host_free(*host_memory);
}

TEST_F(LostDeviceTest, FreeFindsThatTheDeviceHangs) {
  const auto device = Open();
  const auto memory = device->Allocate(1);
  ASSERT_TRUE(memory.ok());
  fake.queries_not_ready = kForever;
  device->Free(*memory);
  EXPECT_EQ(fake.allocations, 1);
  EXPECT_EQ(device->Synchronize().code(), absl::StatusCode::kDeadlineExceeded);
  FakeRuntime().free(*memory);
}

TEST_F(LostDeviceTest, TheDestructorWaitsNoLongerThanOthers) {
  auto device = Open();
  fake.queries_not_ready = kForever;
  const absl::Time begin = fake.now;
  device.reset();
  EXPECT_LT(fake.now - begin, absl::Seconds(10.001));
  EXPECT_EQ(fake.streams, 1);
}

TEST_F(LostDeviceTest, AnErrorEndsTheWaitAtOnceAndIsKept) {
  struct Case {
    int error;
    absl::StatusCode code;
  };
  for (const Case& lost : {Case{999, absl::StatusCode::kUnavailable},
                           Case{214, absl::StatusCode::kDataLoss},
                           Case{700, absl::StatusCode::kInternal}}) {
    SCOPED_TRACE(lost.error);
    fake = {};
    const auto device = Open();
    fake.queries_not_ready = 1000;
    fake.query_error = lost.error;
    const absl::Status reason = device->Synchronize();
    EXPECT_EQ(reason.code(), lost.code);
    EXPECT_EQ(fake.queries, 1001);
    ExpectEveryCallToFail(*device, reason);
  }
}

TEST_F(LostDeviceTest, ACopyCanShowThatItIsLost) {
  const auto device = Open();
  fake.copy_error = 999;
  std::byte byte{};
  const absl::Status reason = device->Copy(&byte, &byte, 1);
  EXPECT_EQ(reason.code(), absl::StatusCode::kUnavailable);
  ExpectEveryCallToFail(*device, reason);
}

TEST_F(LostDeviceTest, AnErrorThatCostsNothingIsForgotten) {
  const auto device = Open();
  fake.query_error = 1;
  EXPECT_EQ(device->Synchronize().code(), absl::StatusCode::kInternal);
  fake.query_error = 0;
  EXPECT_TRUE(device->Synchronize().ok());
}

TEST_F(LostDeviceTest, IsLostToAllThatUseIt) {
  const auto device = Open();
  const auto beside = Open();
  const auto other = Open(1);
  fake.queries_not_ready = kForever;
  const absl::Status hang = device->Synchronize();
  ExpectEveryCallToFail(*beside, hang);
  EXPECT_EQ(Device::Open(FakeRuntime(), 0, FakeWait()).status(), hang);
  fake.queries_not_ready = 0;
  EXPECT_TRUE(other->Synchronize().ok());
}

}  // namespace
}  // namespace penstock::cuda
