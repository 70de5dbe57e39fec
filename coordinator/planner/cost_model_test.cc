#include "coordinator/planner/cost_model.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

JobSpec Gpt2Job() {
  return {.model = {.architecture = Gpt2Config{.layers = 3,
                                               .hidden = 64,
                                               .heads = 4,
                                               .sequence_length = 32,
                                               .vocabulary = 4096}},
          .batch = {.micro_batch_size = 2}};
}

TEST(CostModelTest, ASimModelTakesItsTimeOnAnyDevice) {
  const JobSpec spec{
      .model = {.architecture = SimModel{.layers = 2,
                                         .forward_us = 10,
                                         .input_gradient_us = 20,
                                         .weight_gradient_us = 30,
                                         .boundary_bytes = 77}},
      .batch = {.micro_batch_size = 5}};
  const std::vector<UnitTimes> times = TimesOfUnits(spec);
  ASSERT_EQ(times.size(), 2);
  EXPECT_DOUBLE_EQ(times[1].forward, 10e-6);
  EXPECT_DOUBLE_EQ(times[1].total(), 60e-6);
  EXPECT_EQ(SpeedOf(spec, {.flops_per_second = 1e12}), 1);
  EXPECT_EQ(BoundaryBytes(spec), 77);
}

TEST(CostModelTest, BlocksAreEqualAndTheHeadCostsWhatItCosts) {
  const std::vector<UnitTimes> times = TimesOfUnits(Gpt2Job());
  ASSERT_EQ(times.size(), 5);
  EXPECT_EQ(times[1].total(), times[3].total());
  EXPECT_GT(times[4].total(), times[3].total());
  EXPECT_LT(times[0].total(), times[1].total() / 100);
  EXPECT_EQ(BoundaryBytes(Gpt2Job()), 2 * 32 * 64 * 4);
}

TEST(CostModelTest, TransfersTakeLatencyAndBandwidth) {
  const LinkShape link{.latency = absl::Milliseconds(1),
                       .bytes_per_second = 1e6};
  EXPECT_DOUBLE_EQ(TransferTime(link, 2000), 0.003);
  EXPECT_EQ(ReduceTime(link, 4000, 1), 0);
  // Two replicas exchange halves twice: two messages of 2000 bytes.
  EXPECT_DOUBLE_EQ(ReduceTime(link, 4000, 2), 2 * (0.001 + 0.002));
  EXPECT_DOUBLE_EQ(ReduceTime(link, 4000, 4), 6 * (0.001 + 0.001));
}

}  // namespace
}  // namespace penstock
