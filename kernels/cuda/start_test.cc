// A program with all of CUDA in it starts anywhere, and says why there is no
// backend where there is none. With a device, it opens.

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "kernels/copy_queue.h"
#include "kernels/cuda_devices.h"

namespace penstock {
namespace {

TEST(StartTest, WithoutADriverSaysWhatToDo) {
  int version = 0;
  ASSERT_EQ(cudaDriverGetVersion(&version), cudaSuccess);
  if (version != 0) GTEST_SKIP() << "there is a driver, version " << version;
  const auto backend = MakeCudaBackend(0);
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(backend.status().message()),
            "no CUDA driver on this machine; install NVIDIA's, or use device "
            "cpu");
  EXPECT_EQ(MakeCudaCopyQueue(0, absl::Seconds(1)).status(), backend.status());
  EXPECT_EQ(ListCudaDevices().status(), backend.status());
}

TEST(StartTest, OpensTheDeviceThatIsThere) {
  const auto backend = MakeCudaBackend(0);
  if (backend.ok()) return;
  const std::string reason(backend.status().message());
  const char* const required = std::getenv("PENSTOCK_REQUIRE");
  if (required != nullptr &&
      std::string(required).find("cuda") != std::string::npos) {
    FAIL() << "PENSTOCK_REQUIRE=" << required << ": " << reason;
  }
  GTEST_SKIP() << reason;
}

}  // namespace
}  // namespace penstock
