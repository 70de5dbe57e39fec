// With factories of its own in place of the backends', to see what is asked of
// them.

#include "worker/executor/executor_device.h"

#include <memory>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/attention_shape.h"
#include "kernels/backend.h"
#include "kernels/copy_queue.h"
#include "kernels/cuda_options.h"
#include "worker/executor/device_calls.h"

namespace penstock {
namespace {

CudaOptions asked;
absl::Duration copies_wait_max;
DeviceCalls calls;
// What is open while a device is being opened.
std::vector<OpenDeviceCall> open_calls;

Plan PlanOf(absl::Duration step_time, bool fast_attention) {
  Plan plan{.step_time = step_time};
  plan.spec.fast_attention = fast_attention;
  return plan;
}

TEST(ExecutorDeviceTest, ACpuSharesTheHostsMemory) {
  const auto device = ExecutorDeviceOf("cpu", {}, calls);
  ASSERT_TRUE(device.ok());
  EXPECT_TRUE(device->make_backend().ok());
  EXPECT_EQ(device->make_copies, nullptr);
}

TEST(ExecutorDeviceTest, ACudaDeviceIsGivenTenSecondsForAPass) {
  const auto device =
      ExecutorDeviceOf("cuda", PlanOf(absl::Seconds(1), false), calls);
  ASSERT_TRUE(device.ok());
  EXPECT_FALSE(device->make_backend().ok());
  EXPECT_EQ(asked.wait_max, absl::Seconds(10));
  EXPECT_EQ(asked.attention, AttentionForm::kDeterministic);
  EXPECT_FALSE(device->make_copies().ok());
  EXPECT_EQ(copies_wait_max, absl::Seconds(10));
}

TEST(ExecutorDeviceTest, OrAsLongAsTheWholeStep) {
  const auto device =
      ExecutorDeviceOf("cuda", PlanOf(absl::Minutes(1), true), calls);
  ASSERT_TRUE(device.ok());
  EXPECT_FALSE(device->make_backend().ok());
  EXPECT_EQ(asked.wait_max, absl::Minutes(1));
  EXPECT_EQ(asked.attention, AttentionForm::kFast);
}

TEST(ExecutorDeviceTest, NotesThatACudaDeviceIsBeingOpened) {
  const auto device =
      ExecutorDeviceOf("cuda", PlanOf(absl::Seconds(1), true), calls);
  ASSERT_TRUE(device.ok());
  EXPECT_FALSE(device->make_backend().ok());
  ASSERT_EQ(open_calls.size(), 1);
  EXPECT_EQ(open_calls[0].operation, std::string_view("opening the device"));
  EXPECT_EQ(open_calls[0].call_max, absl::Minutes(1));
  open_calls.clear();
  EXPECT_FALSE(device->make_copies().ok());
  EXPECT_EQ(open_calls.size(), 1);
  EXPECT_TRUE(calls.Open().empty());
}

TEST(ExecutorDeviceTest, RefusesAKindThatItDoesNotKnow) {
  EXPECT_EQ(ExecutorDeviceOf("tpu", {}, calls).status(),
            absl::InvalidArgumentError("device: \"tpu\": must be cpu or cuda"));
}

}  // namespace

std::unique_ptr<Backend> MakeCpuBackend() { return nullptr; }

absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int /*device*/, const CudaOptions& options) {
  asked = options;
  open_calls = calls.Open();
  return absl::UnavailableError("a test");
}

absl::StatusOr<std::unique_ptr<CopyQueue>> MakeCudaCopyQueue(
    int /*device*/, absl::Duration wait_max) {
  copies_wait_max = wait_max;
  open_calls = calls.Open();
  return absl::UnavailableError("a test");
}

}  // namespace penstock
