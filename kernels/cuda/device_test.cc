// Every way in which a device can be unusable, through a runtime that fails on
// demand.

#include "kernels/cuda/device.h"

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace penstock::cuda {
namespace {

// What the fake runtime answers; plain functions, so global.
struct Answers {
  int driver_version = 13000;
  int device_count = 2;
  int device_count_error = 0;
  int capability = 90;
  int stream_error = 0;
  int malloc_error = 0;
  int free_error = 0;
  int copy_error = 0;
  int synchronize_error = 0;
  int streams = 0;
  int current_device = -1;
};
Answers answers;

cudaError_t Error(int code) { return static_cast<cudaError_t>(code); }

constexpr Runtime kFake{
    .driver_get_version =
        [](int* version) {
          *version = answers.driver_version;
          return cudaSuccess;
        },
    .runtime_get_version =
        [](int* version) {
          *version = 13010;
          return cudaSuccess;
        },
    .get_device_count =
        [](int* count) {
          *count = answers.device_count;
          return Error(answers.device_count_error);
        },
    .compute_capability =
        [](int /*device*/, int* capability) {
          *capability = answers.capability;
          return cudaSuccess;
        },
    .set_device =
        [](int device) {
          answers.current_device = device;
          return cudaSuccess;
        },
    .stream_create =
        [](cudaStream_t* stream) {
          if (answers.stream_error != 0) return Error(answers.stream_error);
          *stream = reinterpret_cast<cudaStream_t>(&answers);
          ++answers.streams;
          return cudaSuccess;
        },
    .stream_destroy =
        [](cudaStream_t /*stream*/) {
          --answers.streams;
          return cudaSuccess;
        },
    .stream_synchronize =
        [](cudaStream_t /*stream*/) {
          return Error(answers.synchronize_error);
        },
    .malloc =
        [](void** memory, size_t bytes) {
          if (answers.malloc_error != 0) return Error(answers.malloc_error);
          *memory = std::malloc(bytes);
          return cudaSuccess;
        },
    .free =
        [](void* memory) {
          std::free(memory);
          return Error(answers.free_error);
        },
    .mem_get_info =
        [](size_t* free, size_t* total) {
          *free = 100;
          *total = 1000;
          return cudaSuccess;
        },
    .memcpy_async =
        [](void* /*to*/, const void* /*from*/, size_t /*bytes*/,
           cudaStream_t /*stream*/) { return Error(answers.copy_error); },
    .memset_async = [](void* /*memory*/, int /*value*/, size_t /*bytes*/,
                       cudaStream_t /*stream*/) { return cudaSuccess; },
};

class DeviceTest : public testing::Test {
 protected:
  DeviceTest() { answers = {}; }

  // Why device `index` does not open.
  static absl::Status Refusal(int index = 0) {
    return Device::Open(kFake, index).status();
  }
  static std::string Message(const absl::Status& status) {
    return std::string(status.message());
  }
};

TEST_F(DeviceTest, SaysThatThereIsNoDriver) {
  answers.driver_version = 0;
  answers.device_count_error = 35;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "no CUDA driver on this machine; install NVIDIA's, or use device "
            "cpu");
}

TEST_F(DeviceTest, SaysWhichDriverIsTooOld) {
  answers.driver_version = 12040;
  answers.device_count_error = 35;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "the CUDA driver is for CUDA 12.4, this build needs 13.0; update "
            "the driver, or use device cpu");
}

TEST_F(DeviceTest, TakesADriverOfTheSameMajorVersion) {
  answers.driver_version = 13000;
  EXPECT_TRUE(Refusal().ok());
}

TEST_F(DeviceTest, SaysThatNoDeviceIsVisible) {
  answers.device_count_error = 100;
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
  answers.capability = 75;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(Refusal()),
            "CUDA device 0 is sm_75; penstock's kernels need sm_80 or later");
}

TEST_F(DeviceTest, SaysThatTheDeviceIsTakenOrFull) {
  answers.stream_error = 46;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
  answers.stream_error = 2;
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(answers.streams, 0);
}

TEST_F(DeviceTest, SaysHowMuchMemoryIsMissing) {
  const auto device = Device::Open(kFake, 1);
  ASSERT_TRUE(device.ok());
  answers.malloc_error = 2;
  const absl::Status status = (*device)->Allocate(4096).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(status),
            "allocating 4096 bytes on CUDA device 1, of whose 1000 are free "
            "100: cudaErrorMemoryAllocation (not enough free device memory)");
  answers.malloc_error = 0;
  const auto memory = (*device)->Allocate(0);
  ASSERT_TRUE(memory.ok());
  (*device)->Free(*memory);
}

TEST_F(DeviceTest, SaysThatTheDeviceIsLostOrItsMemoryBad) {
  const auto device = Device::Open(kFake, 0);
  ASSERT_TRUE(device.ok());
  answers.synchronize_error = 999;
  EXPECT_EQ((*device)->Synchronize().code(), absl::StatusCode::kUnavailable);
  answers.synchronize_error = 214;
  EXPECT_EQ((*device)->Synchronize().code(), absl::StatusCode::kDataLoss);
  answers.synchronize_error = 700;
  EXPECT_EQ((*device)->Synchronize().code(), absl::StatusCode::kInternal);
  answers.copy_error = 999;
  std::byte byte{};
  EXPECT_EQ((*device)->Copy(&byte, &byte, 1).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(DeviceTest, AFailedFreeComesFromTheNextSynchronizeOnce) {
  const auto device = Device::Open(kFake, 0);
  ASSERT_TRUE(device.ok());
  const auto memory = (*device)->Allocate(1);
  ASSERT_TRUE(memory.ok());
  answers.free_error = 700;
  (*device)->Free(*memory);
  EXPECT_EQ((*device)->Synchronize().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE((*device)->Synchronize().ok());
}

TEST_F(DeviceTest, RejectsNegativeSizes) {
  const auto device = Device::Open(kFake, 0);
  ASSERT_TRUE(device.ok());
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ((*device)->Allocate(-1).status().code(), code);
  EXPECT_EQ((*device)->Copy(nullptr, nullptr, -1).code(), code);
  EXPECT_EQ((*device)->Zero(nullptr, -1).code(), code);
}

TEST_F(DeviceTest, IsCurrentForItsQueueAndGivesItBack) {
  {
    const auto device = Device::Open(kFake, 1);
    ASSERT_TRUE(device.ok());
    answers.current_device = 0;
    EXPECT_NE((*device)->stream(), nullptr);
    EXPECT_EQ(answers.current_device, 1);
    EXPECT_EQ(answers.streams, 1);
  }
  EXPECT_EQ(answers.streams, 0);
}

}  // namespace
}  // namespace penstock::cuda
