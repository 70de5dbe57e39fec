// The conformance suite runs what this machine chooses. Here every instruction
// set that it has computes the same, and what it chose is the measure.

#include "kernels/cpu/targets.h"

// After targets.h, which says what Highway compiles.
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/highway.h"
#include "kernels/backend.h"
#include "kernels/cpu/adamw.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/reductions.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/rope.h"
#include "kernels/cpu/swiglu.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

constexpr int64_t kRows = 37;
constexpr int64_t kCols = 45;  // A multiple of no vector.

std::vector<float> RandomFloats(int64_t count, uint64_t seed) {
  Random random(seed << 32);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = static_cast<float>(2 * random.Uniform() - 1);
  }
  return values;
}

// The matrices of one test, filled with random values.
class Results {
 public:
  Tensor Add(int64_t rows, int64_t cols) {
    matrices_.push_back(RandomFloats(rows * cols, matrices_.size() + 1));
    return Float32(matrices_.back().data(), rows, cols);
  }

  // All matrices as they are now.
  std::vector<float> Collect() const {
    std::vector<float> all;
    for (const auto& matrix : matrices_) {
      all.insert(all.end(), matrix.begin(), matrix.end());
    }
    return all;
  }

 private:
  std::vector<std::vector<float>> matrices_;
};

std::vector<float> RunAttention() {
  const AttentionShape shape{1, kRows, 3, 15};
  Results results;
  Tensor tensors[8];
  for (Tensor& tensor : tensors) tensor = results.Add(kRows, kCols);
  auto& [q, k, v, out, dout, dq, dk, dv] = tensors;
  float* const lse = results.Add(3, kRows).as<float>();
  std::vector<std::byte> scratch(AttentionScratchBytes(shape));
  cpu::Attention(shape, q, k, v, out, lse, scratch.data());
  cpu::AttentionBackward(shape, q, k, v, out, dout, lse, dq, dk, dv,
                         scratch.data());
  return results.Collect();
}

std::vector<float> RunRows() {
  Results results;
  Tensor tensors[6];
  for (Tensor& tensor : tensors) tensor = results.Add(kRows, kCols);
  auto& [x, out, dout, dx, again, logits] = tensors;
  float* rows[8];
  for (float*& row : rows) row = results.Add(1, kCols).as<float>();
  auto& [gain, bias, mean, rstd, dgain, dbias, losses, sums] = rows;
  cpu::LayerNorm(x, gain, bias, 1e-5f, out, mean, rstd);
  cpu::LayerNormBackwardInput(dout, x, mean, rstd, gain, dout, dx);
  cpu::LayerNormBackwardWeight(dout, x, mean, rstd, dgain, dbias);
  cpu::GeluBackward(dout, out, dout, again);
  const std::vector<int32_t> labels(kRows, 44);
  cpu::CrossEntropy(logits, labels.data(), 1, losses);
  cpu::ColumnSums(x, sums);
  sums[0] = static_cast<float>(cpu::SumOfSquares(x.as<float>(), kRows * kCols));
  // Moments must not be negative.
  std::vector<float> moment(kRows * kCols, 0.25f);
  cpu::AdamW({.weight = x.as<float>(),
              .gradient = dx.as<float>(),
              .first_moment = again.as<float>(),
              .second_moment = moment.data(),
              .count = kRows * kCols,
              .learning_rate = 0.1f,
              .beta1 = 0.9f,
              .beta2 = 0.9f,
              .epsilon = 1e-8f,
              .step = 3});
  return results.Collect();
}

std::vector<float> RunLlamaRows() {
  Results results;
  Tensor tensors[6];
  for (Tensor& tensor : tensors) tensor = results.Add(kRows, kCols);
  auto& [x, out, dout, dx, gate, up] = tensors;
  float* rows[3];
  for (float*& row : rows) row = results.Add(1, kCols).as<float>();
  auto& [gain, rstd, dgain] = rows;
  cpu::RmsNorm(x, gain, 1e-5f, out, rstd);
  cpu::RmsNormBackwardInput(dout, x, rstd, gain, dout, dx);
  cpu::RmsNormBackwardWeight(dout, x, rstd, dgain);
  cpu::SwiGluBackward(dout, gate, up, dout, up, x);
  const std::vector<double> frequencies(9, 0.3);
  // Two heads and a vector's remainder in each half.
  cpu::Rope({.sequence = 5, .head_dim = 18, .frequencies = frequencies.data()},
            Columns(gate, 0, 36));
  return results.Collect();
}

// Only `target` from now on; 0 for what the machine has.
void Choose(int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

TEST(TargetsTest, EveryInstructionSetComputesTheSame) {
  const std::vector<float> attention = RunAttention();
  const std::vector<float> rows = RunRows();
  const std::vector<float> llama_rows = RunLlamaRows();
  int64_t tested = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    Choose(target);
    const std::vector<float> other_attention = RunAttention();
    const std::vector<float> other_rows = RunRows();
    const std::vector<float> other_llama_rows = RunLlamaRows();
    Choose(0);
    // Sums of up to 37 terms of size 1 in another order.
    for (size_t i = 0; i < attention.size(); ++i) {
      ASSERT_NEAR(attention[i], other_attention[i], 5e-6) << i;
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_NEAR(rows[i], other_rows[i], 1e-5 * (1 + std::abs(rows[i]))) << i;
    }
    for (size_t i = 0; i < llama_rows.size(); ++i) {
      const double expected = llama_rows[i];
      ASSERT_NEAR(expected, other_llama_rows[i],
                  1e-5 * (1 + std::abs(expected)))
          << i;
    }
    ++tested;
  }
  EXPECT_GE(tested, 1);
}

}  // namespace
}  // namespace penstock
