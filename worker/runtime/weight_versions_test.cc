// Which buffer holds which version. That passes with them compute what they
// should: tests/numerics/weight_versions_test.

#include "worker/runtime/weight_versions.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "proto/action.h"

namespace penstock {
namespace {

class WeightVersionsTest : public testing::Test {
 protected:
  void Make(const std::string& program, int buffers) {
    plan_.ranks.push_back({.program = ParseProgram(program).value()});
    memory_.stages.push_back({.stage = 0, .versions = buffers});
    values_.resize(buffers);
    rounded_.resize(buffers);
    ParameterSlot slot{.parameter = {.name = "w", .shape = {1}},
                       .gradient = &gradient_,
                       .first_moment = &moments_[0],
                       .second_moment = &moments_[1]};
    for (int i = 0; i < buffers; ++i) {
      slot.versions.push_back(&values_[i]);
      slot.rounded_versions.push_back(
          reinterpret_cast<std::byte*>(&rounded_[i]));
    }
    slot.weight = slot.versions.front();
    slot.rounded = slot.rounded_versions.front();
    memory_.parameters.push_back(slot);
    memory_.stages[0].gradients = &gradient_;
    memory_.stages[0].gradient_count = 1;
    versions_.emplace(plan_, 0, *backend_, memory_);
  }

  void Update(int version) {
    gradient_ = 1;
    ASSERT_TRUE(versions_->Update(/*step=*/1, 0, version).ok());
    EXPECT_EQ(gradient_, 0);
    const int buffer = BufferOf(version);
    EXPECT_EQ(memory_.parameters[0].weight, &values_[buffer]);
    EXPECT_NEAR(std::bit_cast<float>(uint32_t{rounded_[buffer]} << 16),
                values_[buffer], std::abs(values_[buffer]) / 256);
  }

  int BufferOf(int version) const { return versions_->BufferOf(0, version); }

  const std::unique_ptr<Backend> backend_ = MakeCpuBackend();
  Plan plan_;
  RankMemory memory_;
  std::vector<float> values_;
  std::vector<uint16_t> rounded_;  // bfloat16.
  float gradient_ = 0;
  float moments_[2] = {};
  std::optional<WeightVersions> versions_;
};

TEST_F(WeightVersionsTest, AVersionStaysUntilItsLastUse) {
  Make(
      "0F0@0 0F1@0 0B0@0 0UPDATE1 0F2@1 0B1@0 0UPDATE2 0F3@2 0B2@1 0UPDATE3 "
      "0B3@2 0UPDATE4 OPTIMIZER",
      2);
  Update(1);
  EXPECT_NE(BufferOf(1), BufferOf(0));
  EXPECT_NE(values_[BufferOf(1)], values_[BufferOf(0)]);
  const float first = values_[BufferOf(1)];
  const uint16_t first_rounded = rounded_[BufferOf(1)];
  Update(2);
  EXPECT_EQ(BufferOf(2), 0);
  EXPECT_EQ(values_[BufferOf(1)], first);
  EXPECT_EQ(rounded_[BufferOf(1)], first_rounded);
  Update(3);
  // Version 2 is used after it, version 1 is not.
  EXPECT_NE(BufferOf(3), BufferOf(2));
  Update(4);
  const int newest = BufferOf(4);
  versions_->EndStep();
  EXPECT_EQ(BufferOf(0), newest);
}

TEST_F(WeightVersionsTest, UpdatesInPlaceWhatIsNotUsedAnyMore) {
  Make("0F0@0 0B0@0 0UPDATE1 0F1@1 0B1@1 0UPDATE2 OPTIMIZER", 1);
  EXPECT_EQ(UpdatesPerStep(plan_), 2);
  Update(1);
  const float first = values_[0];
  Update(2);
  EXPECT_LT(values_[0], first);
  // The sum of squares of the last update's gradient.
  EXPECT_EQ(versions_->norms_squared(), std::vector<double>{1});
}

}  // namespace
}  // namespace penstock
