// The check of whole models where the device is the CUDA backend with its
// kernels emulated: another implementation than the CPU's, so that differences
// and limits mean something without a device.

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "tests/gpu/findings.h"
#include "tests/gpu/model_check.h"
#include "tests/gpu/throughput.h"

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

TEST(ModelCheckEmulatedTest, ADevicesArenaIsWhatThePlanForecasts) {
  const Workload workload{.name = "small",
                          .model = Gpt2Config{.layers = 2,
                                              .hidden = 64,
                                              .heads = 2,
                                              .sequence_length = 8,
                                              .vocabulary = 61},
                          .batch = {.micro_batches = 2}};
  const auto measured =
      MeasureThroughput(workload, /*stages=*/2,
                        {.kind = "cuda",
                         .make_backend = [] { return MakeCudaBackend(0); },
                         .warmup = 1,
                         .steps = 1});
  ASSERT_TRUE(measured.ok()) << measured.status();
  const auto forecast = static_cast<double>(measured->forecast_bytes);
  EXPECT_NEAR(static_cast<double>(measured->arena_bytes), forecast,
              0.02 * forecast);
}

}  // namespace
}  // namespace penstock::gpu
