#include "worker/model/init.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr Gpt2Config kConfig{.layers = 8,
                             .hidden = 256,
                             .heads = 8,
                             .sequence_length = 256,
                             .vocabulary = 257};

Parameter Find(const std::string& name) {
  for (const Parameter& parameter : AllParameters(kConfig)) {
    if (parameter.name == name) return parameter;
  }
  return {};
}

std::vector<float> Initial(const Parameter& parameter, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(parameter.count()));
  FillInitialValue(kConfig, parameter, seed, values);
  return values;
}

// The mean of n draws deviates by s / sqrt(n), their standard deviation by
// s / sqrt(2n); five of each is one in a million.
void ExpectNormal(const std::vector<float>& values, double deviation) {
  const double n = static_cast<double>(values.size());
  double sum = 0;
  double squares = 0;
  int inside = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
    if (std::abs(value) < deviation) ++inside;
  }
  EXPECT_NEAR(sum / n, 0, 5 * deviation / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), deviation,
              5 * deviation / std::sqrt(2 * n));
  EXPECT_NEAR(inside / n, 0.682689, 5 * 0.4655 / std::sqrt(n));
}

TEST(InitTest, MatricesAreNormalWithGpt2sDeviations) {
  ExpectNormal(Initial(Find("transformer.wte.weight"), 1), 0.02);
  ExpectNormal(Initial(Find("transformer.h.3.mlp.c_fc.weight"), 1), 0.02);
  ExpectNormal(Initial(Find("transformer.h.3.mlp.c_proj.weight"), 1), 0.005);
  ExpectNormal(Initial(Find("transformer.h.7.attn.c_proj.weight"), 1), 0.005);
}

TEST(InitTest, NormsAreOneAndBiasesZero) {
  for (const float value : Initial(Find("transformer.h.0.ln_1.weight"), 1)) {
    EXPECT_EQ(value, 1.0f);
  }
  for (const char* name :
       {"transformer.ln_f.bias", "transformer.h.2.attn.c_proj.bias"}) {
    for (const float value : Initial(Find(name), 1)) EXPECT_EQ(value, 0.0f);
  }
}

// Large tensors are drawn by several threads, each a part; small ones by one.
TEST(InitTest, ALargeTensorBeginsAsASmallerOneOfItsName) {
  const std::vector<float> smaller = Initial({"x", {1, (2 << 20) - 1}}, 3);
  std::vector<float> larger = Initial({"x", {3, (1 << 20) + 1}}, 3);
  ExpectNormal(larger, 0.02);
  larger.resize(smaller.size());
  EXPECT_EQ(larger, smaller);
}

TEST(InitTest, ValuesDependOnSeedNameAndIndexAlone) {
  const Parameter fc = Find("transformer.h.3.mlp.c_fc.weight");
  const std::vector<float> values = Initial(fc, 7);
  EXPECT_EQ(values, Initial(fc, 7));
  EXPECT_NE(values, Initial(fc, 8));
  EXPECT_NE(values, Initial(Find("transformer.h.4.mlp.c_fc.weight"), 7));
  // A shorter tensor of the name, of odd size, starts with the same values.
  const std::vector<float> part = Initial({fc.name, {3, 5}}, 7);
  EXPECT_EQ(part, std::vector<float>(values.begin(), values.begin() + 15));
}

TEST(InitTest, NoTwoMatricesShareDraws) {
  const std::vector<float> a = Initial(Find("transformer.wte.weight"), 1);
  const std::vector<float> b =
      Initial(Find("transformer.h.0.mlp.c_fc.weight"), 1);
  double product = 0;
  const size_t n = std::min(a.size(), b.size());
  for (size_t i = 0; i < n; ++i) product += static_cast<double>(a[i]) * b[i];
  EXPECT_NEAR(product / (0.02 * 0.02), 0, 5 * std::sqrt(n));
}

}  // namespace
}  // namespace penstock
