// On two weights with a CPU backend: what comes back is what was there, bit by
// bit. That whole jobs get the same bits:
// tests/numerics/optimistic_update_test.

#include "worker/runtime/optimistic_update.h"

#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr int64_t kCount = 6;

class OptimisticUpdateTest : public testing::Test {
 protected:
  OptimisticUpdateTest() {
    for (Tensors& tensors : tensors_) {
      for (int64_t i = 0; i < kCount; ++i) {
        const float x = static_cast<float>(i + 1);
        tensors.weight.push_back(1 / x);
        tensors.gradient.push_back(0.3f * x);
        tensors.first_moment.push_back(0.1f / x);
        tensors.second_moment.push_back(0.01f * x);
      }
    }
  }

  struct Tensors {
    std::vector<float> weight;
    std::vector<float> gradient;
    std::vector<float> first_moment;
    std::vector<float> second_moment;
  };

  // Of all tensors, as bits, so that a NaN equals itself.
  std::vector<uint32_t> State(bool gradients = false) const {
    std::vector<uint32_t> bits;
    for (const Tensors& t : tensors_) {
      for (const std::vector<float>* values :
           {&t.weight, &t.first_moment, &t.second_moment, &t.gradient}) {
        if (values == &t.gradient && !gradients) continue;
        for (const float value : *values) {
          bits.push_back(std::bit_cast<uint32_t>(value));
        }
      }
    }
    return bits;
  }

  RankMemory Memory() {
    RankMemory memory;
    for (Tensors& t : tensors_) {
      memory.parameters.push_back(
          {.parameter = {.name = "w", .shape = {kCount}},
           .weight = t.weight.data(),
           .gradient = t.gradient.data(),
           .first_moment = t.first_moment.data(),
           .second_moment = t.second_moment.data()});
      memory.stages.push_back(
          {.gradients = t.gradient.data(), .gradient_count = kCount});
    }
    memory.kept = kept_;
    return memory;
  }

  JobSpec spec_ = {.steps = 10};
  std::unique_ptr<Backend> backend_ = MakeCpuBackend();
  Tensors tensors_[2];
  alignas(64) std::byte kept_[2 * 3 * kCount * 4];
};

TEST_F(OptimisticUpdateTest, AnUpdateThatIsConfirmedIsTheUnclippedOne) {
  RankMemory memory = Memory();
  OptimisticUpdate update(spec_, *backend_, memory);
  const std::vector<uint32_t> before = State();
  ASSERT_TRUE(update.Apply(3).ok());
  EXPECT_EQ(update.pending(), 3);
  EXPECT_NE(State(), before);
  ASSERT_TRUE(update.Confirm().ok());
  EXPECT_FALSE(update.pending().has_value());
  EXPECT_EQ(tensors_[1].gradient, std::vector<float>(kCount, 0));
}

TEST_F(OptimisticUpdateTest, TakingBackRestoresEveryBit) {
  RankMemory memory = Memory();
  OptimisticUpdate update(spec_, *backend_, memory);
  const std::vector<uint32_t> before = State(/*gradients=*/true);
  ASSERT_TRUE(update.Apply(3).ok());
  ASSERT_TRUE(update.TakeBack().ok());
  EXPECT_EQ(State(/*gradients=*/true), before);
}

// The formula's inverse would leave NaN behind.
TEST_F(OptimisticUpdateTest, TakingBackRestoresEveryBitAfterGradientsOfNaN) {
  tensors_[0].gradient[2] = std::numeric_limits<float>::quiet_NaN();
  tensors_[1].gradient[0] = std::numeric_limits<float>::infinity();
  RankMemory memory = Memory();
  OptimisticUpdate update(spec_, *backend_, memory);
  const std::vector<uint32_t> before = State();
  ASSERT_TRUE(update.Apply(3).ok());
  ASSERT_TRUE(update.TakeBack().ok());
  EXPECT_EQ(State(), before);
}

TEST_F(OptimisticUpdateTest, RedoingGivesTheBitsOfTheClippedUpdate) {
  RankMemory memory = Memory();
  OptimisticUpdate update(spec_, *backend_, memory);
  const Tensors start[2] = {tensors_[0], tensors_[1]};
  ASSERT_TRUE(update.Apply(3).ok());
  ASSERT_TRUE(update.Redo(0.25f).ok());
  const std::vector<uint32_t> redone = State(/*gradients=*/true);
  for (int i = 0; i < 2; ++i) {
    // In place: `memory` points to the elements.
    std::copy_n(start[i].weight.begin(), kCount, tensors_[i].weight.begin());
    std::copy_n(start[i].gradient.begin(), kCount,
                tensors_[i].gradient.begin());
    std::copy_n(start[i].first_moment.begin(), kCount,
                tensors_[i].first_moment.begin());
    std::copy_n(start[i].second_moment.begin(), kCount,
                tensors_[i].second_moment.begin());
    for (float& gradient : tensors_[i].gradient) gradient *= 0.25f;
  }
  ASSERT_TRUE(update.Apply(3).ok());
  ASSERT_TRUE(update.Confirm().ok());
  EXPECT_EQ(State(/*gradients=*/true), redone);
}

}  // namespace
}  // namespace penstock
