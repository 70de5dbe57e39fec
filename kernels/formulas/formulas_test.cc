// The formulas in float32 against their textbook forms in float64, derivatives
// against differences.

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/formulas/adamw.h"
#include "kernels/formulas/attention.h"
#include "kernels/formulas/gelu.h"
#include "kernels/formulas/norm.h"
#include "kernels/formulas/rope.h"
#include "kernels/formulas/softmax.h"
#include "kernels/formulas/swiglu.h"

namespace penstock {
namespace {

constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

double TanhGelu(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

TEST(FormulasTest, GeluIsTheTanhForm) {
  for (double x = -12; x <= 12; x += 0.01) {
    SCOPED_TRACE(x);
    const auto [gelu, derivative] = GeluOf(static_cast<float>(x));
    // The exponent, up to 100, is off by its own epsilons.
    const double value = TanhGelu(static_cast<float>(x));
    ASSERT_NEAR(gelu, value, 64 * kEpsilon * std::abs(value) + 1e-12);
    const double step = 1e-5;
    const double slope = (TanhGelu(x + step) - TanhGelu(x - step)) / (2 * step);
    ASSERT_NEAR(derivative, slope, 1e-5);
    ASSERT_NEAR(GeluOf(x).derivative, slope, 1e-9);
  }
  EXPECT_EQ(GeluOf(1e4f).gelu, 1e4f);
  EXPECT_NEAR(GeluOf(-1e4f).gelu, 0, 1e-30);
  EXPECT_TRUE(std::isnan(GeluOf(NAN).gelu));
}

TEST(FormulasTest, SiluAndItsDerivative) {
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  for (double x = -20; x <= 20; x += 0.01) {
    SCOPED_TRACE(x);
    const double step = 1e-5;
    const double slope = (silu(x + step) - silu(x - step)) / (2 * step);
    const float narrow = static_cast<float>(x);
    ASSERT_NEAR(SiluOf(narrow).silu, silu(narrow),
                32 * kEpsilon * std::abs(silu(narrow)));
    ASSERT_NEAR(SiluOf(x).derivative, slope, 1e-9);
    ASSERT_NEAR(SiluOf(narrow).derivative, slope, 1e-5);
  }
  EXPECT_NEAR(SiluOf(-1e4f).silu, 0, 1e-30);
}

TEST(FormulasTest, SoftmaxSumTakesTermsInAnyOrder) {
  for (const std::vector<float>& terms :
       {std::vector<float>{1, 5, -3, 5, 2}, std::vector<float>{5, 4, 3},
        std::vector<float>{-1e4f, 0, 1e4f, 9999},
        std::vector<float>{-INFINITY, 2, -INFINITY, 1}}) {
    SoftmaxSum<float> whole;
    SoftmaxSum<float> parts[2];
    double expected = 0;
    for (size_t i = 0; i < terms.size(); ++i) {
      whole = Added(whole, terms[i]);
      parts[i % 2] = Added(parts[i % 2], terms[i]);
    }
    for (const float term : terms) {
      expected += std::exp(double{term} - double{whole.max});
    }
    EXPECT_NEAR(whole.sum, expected, 8 * kEpsilon * expected);
    EXPECT_NEAR(Rescaled(parts[0], whole.max) + Rescaled(parts[1], whole.max),
                expected, 8 * kEpsilon * expected);
  }
  EXPECT_EQ(Rescaled(SoftmaxSum<float>(), 3.0f), 0);
}

struct Arguments {
  float gradient_scale = 0.5f;
  float learning_rate = 0.01f;
  float beta1 = 0.9f;
  float beta2 = 0.95f;
  float epsilon = 1e-8f;
  float weight_decay = 0.1f;
  int64_t step = 3;
};

TEST(FormulasTest, AdamWIsAlgorithm2) {
  const Arguments args;
  const AdamWFactors factors = FactorsOf(args);
  const AdamWState before{0.7f, -0.02f, 0.03f};
  const AdamWState after = AdamWStep(factors, 0.3f, before);
  const double g = double{args.gradient_scale} * double{0.3f};
  const double b1 = args.beta1;
  const double b2 = args.beta2;
  const double m = b1 * before.first_moment + (1 - b1) * g;
  const double v = b2 * before.second_moment + (1 - b2) * g * g;
  const double m_hat = m / (1 - std::pow(b1, 3));
  const double v_hat = v / (1 - std::pow(b2, 3));
  const double rate = args.learning_rate;
  const double w = before.weight -
                   rate * double{args.weight_decay} * before.weight -
                   rate * m_hat / (std::sqrt(v_hat) + double{args.epsilon});
  EXPECT_NEAR(after.first_moment, m, 2 * kEpsilon * std::abs(m));
  EXPECT_NEAR(after.second_moment, v, 2 * kEpsilon * v);
  EXPECT_NEAR(after.weight, w, 2 * kEpsilon);
}

// dx of a row whose gradient is g, by differences of the sum of g * xhat.
TEST(FormulasTest, NormGradientIsTheDerivative) {
  const std::vector<double> x = {0.3, -1.2, 0.8, 2.0, -0.4};
  const std::vector<double> g = {1.0, -0.5, 0.25, 0.7, -1.1};
  const double cols = 5;
  const double epsilon = 1e-5;
  double mean = 0;
  double rstd = 0;
  const auto sum = [&](const std::vector<double>& row) {
    mean = 0;
    for (const double value : row) mean += value / cols;
    double squares = 0;
    for (const double value : row) squares += (value - mean) * (value - mean);
    rstd = ReciprocalDeviation(squares, cols, epsilon);
    double total = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      total += g[i] * Normalized(row[i], mean, rstd);
    }
    return total;
  };
  for (size_t i = 0; i < x.size(); ++i) {
    std::vector<double> moved = x;
    const double step = 1e-6;
    moved[i] += step;
    const double above = sum(moved);
    moved[i] -= 2 * step;
    const double slope = (above - sum(moved)) / (2 * step);
    const double g_xhat_mean = sum(x) / cols;
    double g_mean = 0;
    for (const double value : g) g_mean += value / cols;
    const double xhat = Normalized(x[i], mean, rstd);
    EXPECT_NEAR(NormGradient(g[i], xhat, g_mean, g_xhat_mean, rstd), slope,
                1e-8);
  }
}

TEST(FormulasTest, RopeTurnsAndTurnsBack) {
  const double angle = 0.8;
  const auto turned =
      Turned(RopePair<double>{1, 0}, std::cos(angle), std::sin(angle));
  EXPECT_NEAR(turned.a, std::cos(angle), 1e-15);
  EXPECT_NEAR(turned.b, std::sin(angle), 1e-15);
  const auto back = Turned(turned, std::cos(angle), -std::sin(angle));
  EXPECT_NEAR(back.a, 1, 1e-15);
  EXPECT_NEAR(back.b, 0, 1e-15);
}

// Of softmax(s) . dp with respect to s, scaled.
TEST(FormulasTest, ScoreGradientIsTheDerivative) {
  const std::vector<double> scores = {0.2, 1.4, -0.3};
  const std::vector<double> dp = {0.5, -0.25, 1.5};
  const auto output = [&](const std::vector<double>& s) {
    double total = 0;
    double sum = 0;
    for (size_t i = 0; i < s.size(); ++i) {
      total += std::exp(s[i]) * dp[i];
      sum += std::exp(s[i]);
    }
    return std::pair(total / sum, sum);
  };
  const auto [delta, sum] = output(scores);
  for (size_t i = 0; i < scores.size(); ++i) {
    std::vector<double> moved = scores;
    const double step = 1e-6;
    moved[i] += step;
    const double above = output(moved).first;
    moved[i] -= 2 * step;
    const double slope = (above - output(moved).first) / (2 * step);
    EXPECT_NEAR(ScoreGradient(std::exp(scores[i]) / sum, dp[i], delta, 0.125),
                0.125 * slope, 1e-9);
  }
}

}  // namespace
}  // namespace penstock
