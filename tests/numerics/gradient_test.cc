// Every layer's output, input gradient and weight gradients against float64:
// the outputs of a plain reference, and central differences of it for every
// single input and weight.

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>

#include "gtest/gtest.h"
#include "proto/base/random.h"
#include "tests/numerics/layer_rig.h"
#include "tests/numerics/reference_gpt2.h"
#include "tests/numerics/reference_llama.h"

namespace penstock {
namespace {

constexpr int64_t kBatch = 2;
constexpr float kLossScale = 0.25f;  // Exact, so it adds no rounding.

// Odd sizes, so that no vector width divides them.
Gpt2Config Gpt2(bool tied) {
  return {.layers = 1,
          .hidden = 6,
          .heads = 2,
          .sequence_length = 5,
          .vocabulary = 11,
          .tied_embeddings = tied};
}

// Likewise, with two heads of queries to one of keys and values, and heads
// whose width is not hidden.
LlamaConfig Llama(bool tied) {
  return {.layers = 1,
          .hidden = 6,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 6,
          .intermediate = 7,
          .sequence_length = 5,
          .vocabulary = 11,
          .rope_theta = 50,
          .rms_norm_epsilon = 1e-5,
          .tied_embeddings = tied};
}

struct Case {
  const char* name;
  int64_t unit;
  Architecture model;

  friend void PrintTo(const Case& unit, std::ostream* out) {
    *out << unit.name;
  }
};

std::vector<float> Draw(Random& random, size_t count, double center,
                        double width) {
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(center + width * (2 * random.Uniform() - 1));
  }
  return values;
}

Vector Widen(const std::vector<float>& values) {
  return Vector(values.begin(), values.end());
}

// Gains around 1, all else around 0 and large enough to saturate nothing.
std::vector<std::vector<float>> DrawWeights(const Architecture& config,
                                            int64_t unit, uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<float>> weights;
  for (const Parameter& parameter : UnitParameters(config, unit)) {
    const bool gain =
        parameter.shape.size() == 1 && parameter.name.ends_with(".weight");
    weights.push_back(Draw(random, static_cast<size_t>(parameter.count()),
                           gain ? 1 : 0, 0.7));
  }
  return weights;
}

MicrobatchInput DrawInput(const Architecture& config, int64_t batch,
                          uint64_t seed) {
  Random random(seed);
  const size_t rows = static_cast<size_t>(batch * SequenceLengthOf(config));
  MicrobatchInput input;
  for (size_t r = 0; r < rows; ++r) {
    const uint64_t vocabulary = static_cast<uint64_t>(VocabularyOf(config));
    input.tokens.push_back(static_cast<int32_t>(random.Below(vocabulary)));
    input.labels.push_back(static_cast<int32_t>(random.Below(vocabulary)));
  }
  const size_t count = rows * static_cast<size_t>(HiddenOf(config));
  input.x = Draw(random, count, 0, 1);
  input.dy = Draw(random, count, 0, 1);
  return input;
}

// What the unit puts out: y, or the losses.
Vector Reference(const Architecture& model, int64_t unit,
                 const Parameters& weights, const Vector& x,
                 const MicrobatchInput& input) {
  return std::visit(
      [&](const auto& config) {
        if (unit == 0) {
          return ReferenceEmbedding(config, weights, input.tokens);
        }
        return unit == UnitCount(config) - 1
                   ? ReferenceHead(config, weights, x, input.labels)
                   : ReferenceBlock(config, weights, x);
      },
      model);
}

// What the layer's gradients are the gradients of: <y, dy>, or the scaled loss.
double Objective(const Architecture& config, int64_t unit,
                 const Parameters& weights, const Vector& x,
                 const MicrobatchInput& input) {
  double sum = 0;
  const Vector y = Reference(config, unit, weights, x, input);
  if (unit == UnitCount(config) - 1) {
    for (const double loss : y) sum += loss * kLossScale;
    return sum;
  }
  for (size_t i = 0; i < y.size(); ++i) sum += y[i] * input.dy[i];
  return sum;
}

// Differences at +-h: h^2 / 6 of the third derivative and 2^-53 / h of the
// objective (about 10) are both near 1e-10 here, far below float32's 6e-8.
Vector Differences(Vector& at, const std::function<double()>& objective) {
  constexpr double kStep = 1e-5;
  Vector gradient(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const double value = at[i];
    at[i] = value + kStep;
    const double above = objective();
    at[i] = value - kStep;
    const double below = objective();
    at[i] = value;
    gradient[i] = (above - below) / (2 * kStep);
  }
  return gradient;
}

// A gradient is the end of a chain of about a dozen operations. Each rounds
// sums of up to 4 * hidden terms (error: half an epsilon times the root of
// their number, of the largest term): 12 * sqrt(24) / 2 = 30 epsilons of the
// tensor's largest element. Twice that is allowed.
void ExpectClose(const std::vector<float>& actual, const Vector& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 0;
  for (const double value : expected) {
    largest = std::max(largest, std::abs(value));
  }
  const double tolerance = 60 * std::numeric_limits<float>::epsilon() * largest;
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance) << "element " << i;
  }
}

class GradientTest : public testing::TestWithParam<Case> {
 protected:
  GradientTest()
      : config_(GetParam().model),
        unit_(GetParam().unit),
        backend_(MakeCpuBackend()),
        weights_(DrawWeights(config_, unit_, /*seed=*/1)) {}

  LayerRig MakeRig() {
    return LayerRig(*backend_, config_, unit_, kBatch, weights_, kLossScale);
  }
  bool IsEmbedding() const { return unit_ == 0; }
  bool IsHead() const { return unit_ == UnitCount(config_) - 1; }

  Parameters WideWeights() const {
    Parameters wide;
    for (const auto& weight : weights_) wide.push_back(Widen(weight));
    return wide;
  }

  Vector InputGradient(const MicrobatchInput& input) const {
    const Parameters weights = WideWeights();
    Vector x = Widen(input.x);
    return Differences(
        x, [&] { return Objective(config_, unit_, weights, x, input); });
  }

  // Of weight `index`, summed over the micro-batches.
  Vector WeightGradient(const std::vector<MicrobatchInput>& inputs,
                        size_t index) const {
    Parameters weights = WideWeights();
    return Differences(weights[index], [&] {
      double sum = 0;
      for (const MicrobatchInput& input : inputs) {
        sum += Objective(config_, unit_, weights, Widen(input.x), input);
      }
      return sum;
    });
  }

  void ExpectWeightGradients(const LayerRig& rig,
                             const std::vector<MicrobatchInput>& inputs) {
    const auto gradients = rig.ReadGradients();
    const auto parameters = UnitParameters(config_, unit_);
    for (size_t i = 0; i < gradients.size(); ++i) {
      SCOPED_TRACE(parameters[i].name);
      ExpectClose(gradients[i], WeightGradient(inputs, i));
    }
  }

  const Architecture config_;
  const int64_t unit_;
  const std::unique_ptr<Backend> backend_;
  const std::vector<std::vector<float>> weights_;
};

TEST_P(GradientTest, OutputMatchesFloat64) {
  LayerRig rig = MakeRig();
  const MicrobatchInput input = DrawInput(config_, kBatch, /*seed=*/2);
  const RigPass pass = rig.MakePass(input);
  rig.Forward(pass);
  if (!IsHead()) {
    ExpectClose(pass.ReadY(), Reference(config_, unit_, WideWeights(),
                                        Widen(input.x), input));
    EXPECT_EQ(rig.LossSum(pass), 0);
    return;
  }
  rig.BackwardInput(pass);
  const double expected =
      Objective(config_, unit_, WideWeights(), Widen(input.x), input);
  EXPECT_NEAR(rig.LossSum(pass) * kLossScale, expected,
              60 * std::numeric_limits<float>::epsilon() * expected);
}

TEST_P(GradientTest, GradientsMatchFiniteDifferences) {
  LayerRig rig = MakeRig();
  const MicrobatchInput input = DrawInput(config_, kBatch, /*seed=*/2);
  const RigPass pass = rig.MakePass(input);
  rig.Forward(pass);
  rig.BackwardInput(pass);
  rig.BackwardWeight(pass);
  if (!IsEmbedding()) ExpectClose(pass.ReadDx(), InputGradient(input));
  ExpectWeightGradients(rig, {input});
}

// As a zero-bubble schedule does: weight gradients late, other micro-batches'
// passes in between.
TEST_P(GradientTest, PassesOfOtherMicrobatchesMayComeInBetween) {
  LayerRig rig = MakeRig();
  const std::vector<MicrobatchInput> inputs = {
      DrawInput(config_, kBatch, /*seed=*/3),
      DrawInput(config_, kBatch, /*seed=*/4),
      DrawInput(config_, kBatch, /*seed=*/5)};
  std::vector<RigPass> passes;
  for (const auto& input : inputs) passes.push_back(rig.MakePass(input));
  rig.Forward(passes[0]);
  rig.Forward(passes[1]);
  rig.BackwardInput(passes[1]);
  rig.Forward(passes[2]);
  rig.BackwardInput(passes[0]);
  rig.BackwardWeight(passes[1]);
  rig.BackwardInput(passes[2]);
  rig.BackwardWeight(passes[0]);
  rig.BackwardWeight(passes[2]);
  ExpectWeightGradients(rig, inputs);
  for (size_t i = 0; i < passes.size() && !IsEmbedding(); ++i) {
    SCOPED_TRACE(i);
    ExpectClose(passes[i].ReadDx(), InputGradient(inputs[i]));
  }
}

// Only the order of passes of one kind decides the bits.
TEST_P(GradientTest, InterleavingChangesNoBit) {
  const MicrobatchInput first = DrawInput(config_, kBatch, /*seed=*/3);
  const MicrobatchInput second = DrawInput(config_, kBatch, /*seed=*/4);
  LayerRig one_by_one = MakeRig();
  for (const MicrobatchInput& input : {first, second}) {
    const RigPass pass = one_by_one.MakePass(input);
    one_by_one.Forward(pass);
    one_by_one.BackwardInput(pass);
    one_by_one.BackwardWeight(pass);
  }
  LayerRig interleaved = MakeRig();
  const RigPass a = interleaved.MakePass(first);
  const RigPass b = interleaved.MakePass(second);
  interleaved.Forward(a);
  interleaved.BackwardInput(a);
  interleaved.Forward(b);
  interleaved.BackwardInput(b);
  interleaved.BackwardWeight(a);
  interleaved.BackwardWeight(b);
  EXPECT_EQ(one_by_one.ReadGradients(), interleaved.ReadGradients());
}

TEST_P(GradientTest, UsesNoMoreMemoryThanItsCostSays) {
  for (const int64_t batch : {1, 2, 13}) {
    SCOPED_TRACE(batch);
    LayerRig rig(*backend_, config_, unit_, batch, weights_, kLossScale);
    const RigPass pass = rig.MakePass(DrawInput(config_, batch, /*seed=*/6));
    rig.Forward(pass);
    rig.BackwardInput(pass);
    rig.BackwardWeight(pass);
    EXPECT_TRUE(rig.GuardsAreIntact());
    EXPECT_TRUE(pass.GuardsAreIntact());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Units, GradientTest,
    testing::Values(Case{"embedding", 0, Gpt2(true)},
                    Case{"block", 1, Gpt2(true)},
                    Case{"tied_head", 2, Gpt2(true)},
                    Case{"untied_head", 2, Gpt2(false)},
                    Case{"llama_embedding", 0, Llama(true)},
                    Case{"llama_block", 1, Llama(true)},
                    Case{"llama_tied_head", 2, Llama(true)},
                    Case{"llama_untied_head", 2, Llama(false)}),
    [](const auto& info) { return std::string(info.param.name); });

// More tokens and a larger vocabulary than one block of logits takes. The
// losses of a row depend on that row alone, so differences stay cheap.
class HeadBlocksTest : public testing::Test {
 protected:
  static constexpr int64_t kSequence = 200;

  const Gpt2Config config_{.layers = 0,
                           .hidden = 4,
                           .heads = 1,
                           .sequence_length = kSequence,
                           .vocabulary = 40000};
  const int64_t unit_ = UnitCount(config_) - 1;
  const std::unique_ptr<Backend> backend_ = MakeCpuBackend();
  const std::vector<std::vector<float>> weights_ =
      DrawWeights(config_, unit_, /*seed=*/1);
  const MicrobatchInput input_ = DrawInput(config_, /*batch=*/1, /*seed=*/2);
};

TEST_F(HeadBlocksTest, LossAndInputGradientMatchFloat64InEveryBlock) {
  LayerRig rig(*backend_, config_, unit_, /*batch=*/1, weights_, kLossScale);
  const RigPass pass = rig.MakePass(input_);
  rig.Forward(pass);
  rig.BackwardInput(pass);
  const Parameters weights = {Widen(weights_[0]), Widen(weights_[1]),
                              Widen(weights_[2])};
  double expected = 0;
  for (const double loss :
       ReferenceHead(config_, weights, Widen(input_.x), input_.labels)) {
    expected += loss;
  }
  EXPECT_NEAR(rig.LossSum(pass), expected, 1e-6 * expected);

  const std::vector<float> dx = pass.ReadDx();
  for (const size_t row : {0, 127, 128, 199}) {
    SCOPED_TRACE(row);
    const auto begin = static_cast<std::ptrdiff_t>(row * 4);
    Vector x(input_.x.begin() + begin, input_.x.begin() + begin + 4);
    const Vector gradient = Differences(x, [&] {
      return kLossScale *
             ReferenceHead(config_, weights, x, {input_.labels[row]})[0];
    });
    ExpectClose({dx.begin() + begin, dx.begin() + begin + 4}, gradient);
  }
}

TEST_F(HeadBlocksTest, WeightGradientSumsOverAllBlocks) {
  LayerRig rig(*backend_, config_, unit_, /*batch=*/1, weights_, kLossScale);
  const RigPass pass = rig.MakePass(input_);
  rig.Forward(pass);
  rig.BackwardInput(pass);
  rig.BackwardWeight(pass);
  EXPECT_TRUE(rig.GuardsAreIntact());
  // The gradient of the softmax sums to zero over the vocabulary (within each
  // row, hence within each column of dW), and rows that are no label have
  // positive probability times the norm's output: both need every block.
  const std::vector<float> gradient = rig.ReadGradients()[2];
  for (size_t c = 0; c < 4; ++c) {
    double sum = 0;
    double magnitude = 0;
    for (size_t v = 0; v < 40000; ++v) {
      sum += gradient[v * 4 + c];
      magnitude += std::abs(gradient[v * 4 + c]);
    }
    EXPECT_NEAR(sum, 0, 1e-5 * magnitude);
  }
  Parameters weights = {Widen(weights_[0]), Widen(weights_[1]),
                        Widen(weights_[2])};
  for (const size_t row : {0, 127, 128, 199}) {
    SCOPED_TRACE(row);
    const size_t element = static_cast<size_t>(input_.labels[row]) * 4 + 1;
    Vector at = {weights[2][element]};
    const Vector expected = Differences(at, [&] {
      weights[2][element] = at[0];
      return Objective(config_, unit_, weights, Widen(input_.x), input_);
    });
    weights[2][element] = weights_[2][element];
    ExpectClose({gradient[element]}, expected);
  }
}

}  // namespace
}  // namespace penstock
