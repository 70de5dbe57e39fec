// Every way in which a device can be unusable, through a runtime that fails on
// demand.

#include "kernels/cuda/device.h"

#include <string>

#include "gtest/gtest.h"
#include "kernels/cuda/fake_runtime.h"

namespace penstock::cuda {
namespace {

class DeviceTest : public testing::Test {
 protected:
  DeviceTest() { fake = {}; }

  static absl::StatusOr<std::unique_ptr<Device>> Open(int index) {
    return Device::Open(FakeRuntime(), index, FakeWait());
  }
  // Why device `index` does not open.
  static absl::Status Refusal(int index = 0) { return Open(index).status(); }
  static std::string Message(const absl::Status& status) {
    return std::string(status.message());
  }
};

TEST_F(DeviceTest, SaysThatThereIsNoDriver) {
  fake.driver_version = 0;
  fake.device_count_error = 35;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "no CUDA driver on this machine; install NVIDIA's, or use device "
            "cpu");
}

TEST_F(DeviceTest, SaysWhichDriverIsTooOld) {
  fake.driver_version = 12040;
  fake.device_count_error = 35;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "the CUDA driver is for CUDA 12.4, this build needs 13.0; update "
            "the driver, or use device cpu");
}

TEST_F(DeviceTest, TakesADriverOfTheSameMajorVersion) {
  fake.driver_version = 13000;
  EXPECT_TRUE(Refusal().ok());
}

TEST_F(DeviceTest, SaysThatNoDeviceIsVisible) {
  fake.device_count_error = 100;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "counting CUDA devices: cudaErrorNoDevice (no CUDA device is "
            "visible)");
}

TEST_F(DeviceTest, SaysHowManyDevicesThereAre) {
  for (const int index : {-1, 2}) {
    EXPECT_EQ(Refusal(index).code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(Message(Refusal(2)),
            "CUDA device 2 was asked for, this process sees 2; see "
            "CUDA_VISIBLE_DEVICES");
}

TEST_F(DeviceTest, SaysThatTheDeviceIsTooOld) {
  fake.capability = 75;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "CUDA device 0 is sm_75; penstock's kernels need sm_80 or later");
}

TEST_F(DeviceTest, SaysThatTheDeviceIsTakenOrFull) {
  fake.stream_error = 46;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  fake.stream_error = 2;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fake.streams, 0);
}

TEST_F(DeviceTest, SaysHowMuchMemoryIsMissing) {
  const auto device = Open(1);
  ASSERT_TRUE(device.ok());
  fake.malloc_error = 2;
  const absl::Status status = (*device)->Allocate(4096).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(status),
            "allocating 4096 bytes on CUDA device 1, of whose 1000 are free "
            "100: cudaErrorMemoryAllocation (not enough free device memory)");
  fake.malloc_error = 0;
  const auto memory = (*device)->Allocate(0);
  ASSERT_TRUE(memory.ok());
  (*device)->Free(*memory);
}

TEST_F(DeviceTest, AFailedFreeComesFromTheNextSynchronizeOnce) {
  const auto device = Open(0);
  ASSERT_TRUE(device.ok());
  const auto memory = (*device)->Allocate(1);
  ASSERT_TRUE(memory.ok());
  fake.free_error = 1;
  (*device)->Free(*memory);
  EXPECT_EQ((*device)->Synchronize().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE((*device)->Synchronize().ok());
}

TEST_F(DeviceTest, RejectsNegativeSizes) {
  const auto device = Open(0);
  ASSERT_TRUE(device.ok());
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ((*device)->Allocate(-1).status().code(), code);
  EXPECT_EQ((*device)->Copy(nullptr, nullptr, -1).code(), code);
  EXPECT_EQ((*device)->Zero(nullptr, -1).code(), code);
}

TEST_F(DeviceTest, IsCurrentForItsQueueAndGivesItBack) {
  {
    const auto device = Open(1);
    ASSERT_TRUE(device.ok());
    fake.current_device = 0;
    const auto stream = (*device)->Stream();
    ASSERT_TRUE(stream.ok());
    EXPECT_NE(*stream, nullptr);
    EXPECT_EQ(fake.current_device, 1);
    EXPECT_EQ(fake.streams, 1);
  }
  EXPECT_EQ(fake.streams, 0);
}

}  // namespace
}  // namespace penstock::cuda
