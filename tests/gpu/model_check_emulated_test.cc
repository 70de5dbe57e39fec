// The check of whole models where the device is the CUDA backend with its
// kernels emulated: another implementation than the CPU's, so that differences
// and limits mean something without a device.

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "tests/gpu/findings.h"
#include "tests/gpu/model_check.h"

namespace penstock::gpu {
namespace {

TEST(ModelCheckEmulatedTest, TrainsAsTheCpuDoesAndAsItselfInEveryShape) {
  Findings findings;
  const absl::Status status =
      CheckModels({.kind = "cuda",
                   .make_backend = [] { return MakeCudaBackend(0); },
                   .tiny = true},
                  findings);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(findings.passed()) << findings.Text();
}

}  // namespace
}  // namespace penstock::gpu
