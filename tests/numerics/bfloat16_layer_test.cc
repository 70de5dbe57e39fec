// Every layer in bf16 against itself in fp32, on inputs and weights that both
// have exactly.

#include <cmath>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/random.h"
#include "tests/numerics/layer_rig.h"

namespace penstock {
namespace {

constexpr int64_t kBatch = 2;
constexpr float kLossScale = 0.25f;

// A stored value is off by up to 2^-9 of itself, and a gradient is the end of a
// chain of about a dozen that were stored: the root of a dozen times 2^-9, and
// as much again for sums that are smaller than their terms.
constexpr double kTolerance = 0.0136;

Gpt2Config Gpt2() {
  return {.layers = 1,
          .hidden = 40,
          .heads = 4,
          .sequence_length = 19,
          .vocabulary = 83,
          .tied_embeddings = true};
}

LlamaConfig Llama() {
  return {.layers = 1,
          .hidden = 40,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 14,
          .intermediate = 70,
          .sequence_length = 19,
          .vocabulary = 83,
          .rope_theta = 50,
          .tied_embeddings = false};
}

struct Case {
  const char* name;
  int64_t unit;
  Architecture model;

  friend void PrintTo(const Case& unit, std::ostream* out) {
    *out << unit.name;
  }
};

// Of 8 bits, which bfloat16 has.
std::vector<float> Draw(Random& random, int64_t count, double center,
                        double width) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    const double drawn = std::round(64 * (2 * random.Uniform() - 1)) / 64;
    value = static_cast<float>(center + width * drawn);
  }
  return values;
}

MicrobatchInput DrawInput(const Architecture& model) {
  Random random(2);
  MicrobatchInput input;
  const int64_t rows = kBatch * SequenceLengthOf(model);
  const auto vocabulary = static_cast<uint64_t>(VocabularyOf(model));
  for (int64_t r = 0; r < rows; ++r) {
    input.tokens.push_back(static_cast<int32_t>(random.Below(vocabulary)));
    input.labels.push_back(static_cast<int32_t>(random.Below(vocabulary)));
  }
  input.x = Draw(random, rows * HiddenOf(model), 0, 1);
  input.dy = Draw(random, rows * HiddenOf(model), 0, 1);
  return input;
}

std::vector<std::vector<float>> DrawWeights(const Architecture& model,
                                            int64_t unit) {
  Random random(1);
  std::vector<std::vector<float>> weights;
  for (const Parameter& parameter : UnitParameters(model, unit)) {
    const bool gain =
        parameter.shape.size() == 1 && parameter.name.ends_with(".weight");
    weights.push_back(Draw(random, parameter.count(), gain ? 1 : 0, 0.25));
  }
  return weights;
}

// By name, what a layer puts out.
struct Results {
  std::vector<std::string> names;
  std::vector<std::vector<float>> tensors;
  double loss = 0;
  bool guards_are_intact = false;
};

Results RunUnit(const Case& unit, Precision precision) {
  const auto backend = MakeCpuBackend();
  LayerRig rig(*backend, unit.model, unit.unit, kBatch,
               DrawWeights(unit.model, unit.unit), kLossScale, precision);
  const RigPass pass = rig.MakePass(DrawInput(unit.model));
  rig.Forward(pass);
  rig.BackwardInput(pass);
  rig.BackwardWeight(pass);
  Results results{.tensors = rig.ReadGradients(), .loss = rig.LossSum(pass)};
  for (const Parameter& parameter : UnitParameters(unit.model, unit.unit)) {
    results.names.push_back(parameter.name);
  }
  if (unit.unit + 1 < UnitCount(unit.model)) {
    results.names.emplace_back("y");
    results.tensors.push_back(pass.ReadY());
  }
  if (unit.unit > 0) {
    results.names.emplace_back("dx");
    results.tensors.push_back(pass.ReadDx());
  }
  results.guards_are_intact = rig.GuardsAreIntact() && pass.GuardsAreIntact();
  return results;
}

class BFloat16LayerTest : public testing::TestWithParam<Case> {};

TEST_P(BFloat16LayerTest, ComesNearItselfInFp32) {
  const Results narrow = RunUnit(GetParam(), Precision::kBf16);
  const Results wide = RunUnit(GetParam(), Precision::kFp32);
  EXPECT_NEAR(narrow.loss, wide.loss, kTolerance * wide.loss);
  ASSERT_EQ(narrow.tensors.size(), wide.tensors.size());
  for (size_t t = 0; t < wide.tensors.size(); ++t) {
    SCOPED_TRACE(wide.names[t]);
    ASSERT_EQ(narrow.tensors[t].size(), wide.tensors[t].size());
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < wide.tensors[t].size(); ++i) {
      difference += std::pow(narrow.tensors[t][i] - wide.tensors[t][i], 2);
      size += std::pow(wide.tensors[t][i], 2);
    }
    EXPECT_LT(std::sqrt(difference / size), kTolerance);
  }
}

TEST_P(BFloat16LayerTest, UsesNoMoreMemoryThanItsCostSays) {
  EXPECT_TRUE(RunUnit(GetParam(), Precision::kBf16).guards_are_intact);
}

INSTANTIATE_TEST_SUITE_P(Units, BFloat16LayerTest,
                         testing::Values(Case{"Gpt2Embedding", 0, Gpt2()},
                                         Case{"Gpt2Block", 1, Gpt2()},
                                         Case{"Gpt2Head", 2, Gpt2()},
                                         Case{"LlamaEmbedding", 0, Llama()},
                                         Case{"LlamaBlock", 1, Llama()},
                                         Case{"LlamaHead", 2, Llama()}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace penstock
