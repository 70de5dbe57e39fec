#include "kernels/cuda/list_devices.h"

#include <string>

#include "gtest/gtest.h"
#include "kernels/cuda/fake_runtime.h"

namespace penstock::cuda {
namespace {

class ListDevicesTest : public testing::Test {
 protected:
  ListDevicesTest() { fake = {}; }

  static std::string Refusal() {
    const absl::Status status = ListDevices(FakeRuntime()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    return std::string(status.message());
  }
};

TEST_F(ListDevicesTest, DescribesDevicesAndStartsNone) {
  const auto devices = ListDevices(FakeRuntime());
  ASSERT_TRUE(devices.ok());
  ASSERT_EQ(devices->size(), 2u);
  const CudaDevice& last = devices->back();
  EXPECT_EQ(last.index, 1);
  EXPECT_EQ(last.name, "NVIDIA H200");
  EXPECT_EQ(last.capability, 90);
  EXPECT_EQ(last.memory_bytes, 150'000'000'000);
  EXPECT_EQ(fake.contexts, 0);
}

// NVIDIA's data sheets say 67e12 and 989e12 at boost clocks of 1.98 and 1.83
// GHz; 312e12 for the A100's products at 1.41 GHz and 108 multiprocessors.
TEST_F(ListDevicesTest, EstimatesAreTheDataSheets) {
  auto devices = ListDevices(FakeRuntime());
  ASSERT_TRUE(devices.ok());
  EXPECT_NEAR(devices->front().flops_per_second, 67e12, 0.1e12);
  EXPECT_NEAR(devices->front().bfloat16_flops_per_second * 1.83 / 1.98, 989e12,
              1e12);
  fake.capability = 80;
  devices = ListDevices(FakeRuntime());
  ASSERT_TRUE(devices.ok());
  EXPECT_NEAR(
      devices->front().bfloat16_flops_per_second * 1.41 / 1.98 * 108 / 132,
      312e12, 1e12);
}

TEST_F(ListDevicesTest, LeavesOutWhatIsTooOldAndKeepsNumbers) {
  fake.capability = 75;
  const auto devices = ListDevices(FakeRuntime());
  ASSERT_TRUE(devices.ok());
  ASSERT_EQ(devices->size(), 1u);
  EXPECT_EQ(devices->front().index, 1);
  fake.others_capability = 70;
  EXPECT_EQ(Refusal(),
            "CUDA device 1 is sm_70; penstock's kernels need sm_80 or later");
}

TEST_F(ListDevicesTest, SaysWhyThereIsNone) {
  fake.driver_version = 0;
  EXPECT_EQ(Refusal(),
            "no CUDA driver on this machine; install NVIDIA's, or use device "
            "cpu");
  fake.driver_version = 12040;
  EXPECT_EQ(Refusal(),
            "the CUDA driver is for CUDA 12.4, this build needs 13.0; update "
            "the driver, or use device cpu");
  fake.driver_version = 13000;
  fake.device_count_error = 100;
  EXPECT_EQ(Refusal(),
            "counting CUDA devices: cudaErrorNoDevice (no CUDA device is "
            "visible)");
  fake.device_count_error = 0;
  fake.device_count = 0;
  EXPECT_EQ(Refusal(),
            "this process sees no CUDA device; see CUDA_VISIBLE_DEVICES");
}

TEST_F(ListDevicesTest, ADeviceThatCannotBeDescribedIsAnError) {
  fake.properties_error = 999;
  EXPECT_EQ(Refusal().substr(0, 24), "describing CUDA device 0");
}

}  // namespace
}  // namespace penstock::cuda
