#include "coordinator/planner/solve/stage_model.h"

#include <cmath>

#include "coordinator/planner/solve/saturating.h"

namespace penstock {
namespace {

LayerTimes Plus(const LayerTimes& a, const LayerTimes& b) {
  return {a.forward + b.forward, a.input_gradient + b.input_gradient,
          a.weight_gradient + b.weight_gradient};
}

LayerTimes Minus(const LayerTimes& a, const LayerTimes& b) {
  return {a.forward - b.forward, a.input_gradient - b.input_gradient,
          a.weight_gradient - b.weight_gradient};
}

int64_t StateBytesOf(const SolveProblem& problem, int64_t parameter_bytes) {
  const double times = problem.gradient_bytes_per_parameter_byte +
                       problem.optimizer_bytes_per_parameter_byte;
  return SaturatingSum(parameter_bytes,
                       static_cast<int64_t>(std::ceil(
                           times * static_cast<double>(parameter_bytes))));
}

LayerCost CostOf(const SolveProblem& problem, const SolveLayer& layer,
                 int64_t micro_batch_size) {
  LayerCost cost{
      .times = layer.times.at(micro_batch_size),
      .states = StateBytesOf(problem, layer.parameter_bytes),
      .activation = SaturatingProduct(layer.activation_bytes, micro_batch_size),
      .boundary = SaturatingProduct(layer.boundary_bytes, micro_batch_size)};
  if (layer.activation_recomputed_bytes.has_value()) {
    cost.recomputed =
        SaturatingProduct(*layer.activation_recomputed_bytes, micro_batch_size);
  }
  return cost;
}

}  // namespace

StageModel::StageModel(const SolveProblem& problem, int64_t micro_batch_size)
    : times_before_(1), states_before_(1), activations_before_(1) {
  for (const SolveLayer& layer : problem.layers) {
    const LayerCost cost = CostOf(problem, layer, micro_batch_size);
    costs_.push_back(cost);
    times_before_.push_back(Plus(times_before_.back(), cost.times));
    // At most 2^9 layers of at most 2^44 + 2^49 bytes: these do not overflow.
    states_before_.push_back(states_before_.back() + cost.states);
    activations_before_.push_back(activations_before_.back() + cost.activation);
  }
}

LayerTimes StageModel::Times(int64_t begin, int64_t end) const {
  return Minus(times_before_[end], times_before_[begin]);
}

int64_t StageModel::FixedBytes(int64_t begin, int64_t end) const {
  const int64_t input = begin > 0 ? costs_[begin - 1].boundary : 0;
  const int64_t output = end < layers() ? costs_[end - 1].boundary : 0;
  return SaturatingSum(states_before_[end] - states_before_[begin],
                       SaturatingProduct(2, SaturatingSum(input, output)));
}

int64_t StageModel::ActivationBytes(int64_t begin, int64_t end) const {
  return activations_before_[end] - activations_before_[begin];
}

}  // namespace penstock
