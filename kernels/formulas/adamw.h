#ifndef KERNELS_FORMULAS_ADAMW_H_
#define KERNELS_FORMULAS_ADAMW_H_

#include <cmath>
#include <cstdint>

namespace penstock {

// AdamW (Loshchilov & Hutter 2019, algorithm 2) of one weight. The same
// operations in the same order as the CPU backend's, so the same bits wherever
// fused multiply-adds are.
struct AdamWFactors {
  float gradient_scale;
  float beta1;
  float beta2;
  float rest1;  // 1 - beta1, rounded once.
  float rest2;
  float step_size;   // learning_rate / (1 - beta1^step).
  float root_scale;  // 1 / sqrt(1 - beta2^step).
  float keep;        // 1 - learning_rate * weight_decay.
  float epsilon;
};

struct AdamWState {
  float weight;
  float first_moment;
  float second_moment;
};

// The bias corrections are taken in double: 1 - beta^step loses half its digits
// in float. `Args` has the fields of AdamWArgs.
template <typename Args>
AdamWFactors FactorsOf(const Args& args) {
  const double step = static_cast<double>(args.step);
  const double first = 1 - std::pow(double{args.beta1}, step);
  const double second = 1 - std::pow(double{args.beta2}, step);
  const double decay = double{args.learning_rate} * double{args.weight_decay};
  return {.gradient_scale = args.gradient_scale,
          .beta1 = args.beta1,
          .beta2 = args.beta2,
          .rest1 = static_cast<float>(1 - double{args.beta1}),
          .rest2 = static_cast<float>(1 - double{args.beta2}),
          .step_size = static_cast<float>(args.learning_rate / first),
          .root_scale = static_cast<float>(1 / std::sqrt(second)),
          .keep = static_cast<float>(1 - decay),
          .epsilon = args.epsilon};
}

// The state after one step; a template only so that it may be constexpr.
template <typename State>
constexpr State AdamWStep(const AdamWFactors& f, float gradient, State s) {
  const float g = gradient * f.gradient_scale;
  const float m = std::fma(f.beta1, s.first_moment, f.rest1 * g);
  const float v = std::fma(f.beta2, s.second_moment, f.rest2 * (g * g));
  const float denominator = std::fma(std::sqrt(v), f.root_scale, f.epsilon);
  const float update = f.step_size * (m / denominator);
  return {std::fma(s.weight, f.keep, -update), m, v};
}

}  // namespace penstock

#endif  // KERNELS_FORMULAS_ADAMW_H_
