#include "worker/offered_devices.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

using Environment = std::vector<std::string>;

TEST(CudaIndicesTest, ListsMayRepeatADevice) {
  const std::vector<CudaDevice> devices = {{.index = 0}, {.index = 2}};
  EXPECT_EQ(*CudaIndices("2,0,2", devices), (std::vector<int>{2, 0, 2}));
}

TEST(CudaIndicesTest, RefusesWhatIsNotThere) {
  const std::vector<CudaDevice> devices = {{.index = 0}, {.index = 2}};
  for (const char* const text : {"1", "0,1", "", "0,", "0x0", " 0", "-1"}) {
    const auto indices = CudaIndices(text, devices);
    EXPECT_EQ(indices.status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_EQ(CudaIndices("0,7", devices).status().message(),
            "--cuda=0,7: \"7\": must be auto, none, or a list of 0, 2");
}

TEST(CudaEnvironmentTest, AnExecutorSeesItsDeviceAlone) {
  EXPECT_EQ(CudaEnvironment(1, nullptr, /*shared=*/false, "w-1"),
            (Environment{"CUDA_VISIBLE_DEVICES=1"}));
}

TEST(CudaEnvironmentTest, CountsAmongThoseThatTheWorkerSees) {
  EXPECT_EQ(CudaEnvironment(1, "5,GPU-abc", /*shared=*/false, "w-1"),
            (Environment{"CUDA_VISIBLE_DEVICES=GPU-abc"}));
}

TEST(CudaEnvironmentTest, ThoseThatShareADeviceAreHostsOfTheirOwn) {
  const Environment environment =
      CudaEnvironment(0, nullptr, /*shared=*/true, "w-1");
  ASSERT_GE(environment.size(), 2u);
  EXPECT_EQ(environment[1], "NCCL_HOSTID=w-1");
}

}  // namespace
}  // namespace penstock
