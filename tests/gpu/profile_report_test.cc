#include "tests/gpu/profile_report.h"

#include "gtest/gtest.h"

namespace penstock::gpu {
namespace {

// Ten products of a millisecond each, and a copy of five.
StepProfile Profile() {
  const Call product{
      "c_fc forward 1x1x1",
      {.unit = Unit::kProduct, .width = 64, .flops = 100'000'000'000}};
  const Call copy{"Copy", {.bytes = 10'000'000'000}};
  return {.workload = {.name = "small",
                       .model = Gpt2Config{.sequence_length = 5},
                       .batch = {.micro_batch_size = 1, .micro_batches = 3},
                       .h200_tokens_per_second = 1234},
          .calls = {{product, {.calls = 10, .seconds = 0.021}},
                    {copy, {.calls = 1, .seconds = 0.0101}}},
          .step_seconds = 0.03,
          .call_seconds = 0.0001};
}

const Rates kRates{.narrow_product = 100, .wide_product = 100, .memory = 2};

TEST(ProfileReportTest, PredictsAStepByItsOperations) {
  const ProfileReport report = ReportOn(Profile(), kRates, std::nullopt);
  EXPECT_DOUBLE_EQ(report.predicted_seconds, 0.015);
  EXPECT_DOUBLE_EQ(report.predicted_tokens_per_second(), 1000);
  ASSERT_EQ(report.operations.size(), 2u);
  EXPECT_EQ(report.operations[0].operation, "c_fc forward 1x1x1");
  EXPECT_EQ(report.operations[0].calls, 10);
  EXPECT_EQ(report.operations[0].flops, 1'000'000'000'000);
  EXPECT_EQ(SummaryOf({report}), "small 1000/s predicted");
  EXPECT_NE(ToText(report, 0).find("1000 tokens/s; to reach on an H200: 1234"),
            std::string::npos)
      << ToText(report, 0);
}

TEST(ProfileReportTest, WhatACallCostsAnywayIsNotTheOperations) {
  const Ceilings ceilings{.flops_per_second = 200e12,
                          .copy_bytes_per_second = 4e12};
  const ProfileReport report = ReportOn(Profile(), kRates, ceilings);
  EXPECT_DOUBLE_EQ(report.operations[0].seconds, 0.02);
  EXPECT_DOUBLE_EQ(report.operations[1].seconds, 0.01);
  EXPECT_EQ(SummaryOf({report}), "small 67 % in c_fc forward 1x1x1");
  // 1 TFLOP in 20 ms, a quarter of the ceiling; 10 GB in 10 ms likewise.
  const std::string text = ToText(report, 0);
  EXPECT_NE(text.find("    50.0   0.00    25.0     10.00"), std::string::npos)
      << text;
  EXPECT_NE(text.find("     0.0   1.00    25.0      5.00"), std::string::npos)
      << text;
}

TEST(ProfileReportTest, OperationsAreSummedUpByWhatTheyBelongTo) {
  StepProfile profile = Profile();
  profile.calls[{"wte forward 1x1x1",
                 {.unit = Unit::kProduct, .width = 64, .flops = 1}}] = {.calls =
                                                                            1};
  profile.calls[{"AdamW", {.bytes = 6'000'000'000}}] = {.calls = 1};
  profile.calls[{"Round", {.bytes = 2'000'000'000}}] = {.calls = 2};
  const std::string text = ToText(ReportOn(profile, kRates, std::nullopt), 0);
  EXPECT_NE(text.find("ms of it: blocks' products 10.0, update 5.0, the rest "
                      "5.0, head 0.0\n"),
            std::string::npos)
      << text;
}

TEST(ProfileReportTest, WhatIsLeftOutIsSummedUp) {
  const std::string text =
      ToText(ReportOn(Profile(), kRates, std::nullopt), /*rows=*/1);
  EXPECT_EQ(text.find("Copy"), std::string::npos) << text;
  EXPECT_NE(text.find("1 others"), std::string::npos) << text;
  EXPECT_EQ(ToText(ReportOn(Profile(), kRates, std::nullopt), /*rows=*/2)
                .find("others"),
            std::string::npos);
}

}  // namespace
}  // namespace penstock::gpu
