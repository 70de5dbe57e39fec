#include "tests/numerics/trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "proto/base/check.h"
#include "worker/model/make_layer.h"

namespace penstock {
namespace {

std::vector<int32_t> Slice(const std::vector<int32_t>& tokens, int64_t begin,
                           int64_t count) {
  const auto from = tokens.begin() + begin;
  return {from, from + count};
}

}  // namespace

LayerTrainer::LayerTrainer(Backend& backend, const Architecture& config,
                           const BatchSpec& batch, const AdamWSpec& optimizer,
                           const Weights& weights)
    : backend_(backend),
      config_(config),
      batch_(batch),
      optimizer_(optimizer),
      rows_(batch.micro_batch_size * SequenceLengthOf(config)),
      tied_gradient_(DeviceBuffer::Zeros(
          backend, VocabularyOf(config) * HiddenOf(config))) {
  for (const Parameter& parameter : AllParameters(config)) {
    const std::vector<float>& value = weights.at(parameter.name);
    PENSTOCK_CHECK(static_cast<int64_t>(value.size()) == parameter.count());
    states_.push_back({parameter, DeviceBuffer::Of(backend, value),
                       DeviceBuffer::Zeros(backend, parameter.count()),
                       DeviceBuffer::Zeros(backend, parameter.count()),
                       DeviceBuffer::Zeros(backend, parameter.count())});
  }
  for (int64_t unit = 0; unit < UnitCount(config); ++unit) AddUnit(unit);
}

LayerWeight LayerTrainer::WeightOf(const std::string& name, int64_t unit) {
  for (const State& state : states_) {
    if (state.parameter.name != name) continue;
    // The first of all parameters is the token table.
    const bool tied_head = unit > 0 && name == states_.front().parameter.name;
    return {state.value.floats(),
            tied_head ? tied_gradient_.floats() : state.gradient.floats()};
  }
  PENSTOCK_CHECK(false);
  return {};
}

void LayerTrainer::AddUnit(int64_t index) {
  std::vector<LayerWeight> weights;
  for (const Parameter& parameter : UnitParameters(config_, index)) {
    weights.push_back(WeightOf(parameter.name, index));
  }
  const int64_t tokens_of_step = rows_ * batch_.micro_batches;
  auto layer = MakeLayer(config_, index, {.tokens = rows_}, backend_, weights,
                         1.0f / static_cast<float>(tokens_of_step));
  PENSTOCK_CHECK(layer.ok());
  const UnitCost cost = CostOfUnit(config_, index, {.tokens = rows_});
  const int64_t boundary_bytes = rows_ * HiddenOf(config_) * 4;
  units_.push_back({*std::move(layer), DeviceBuffer(backend_, cost.saved_bytes),
                    DeviceBuffer(backend_, cost.deferred_bytes),
                    DeviceBuffer(backend_, cost.scratch_bytes),
                    DeviceBuffer(backend_, boundary_bytes),
                    DeviceBuffer(backend_, boundary_bytes)});
}

double LayerTrainer::RunMicrobatch(const LayerTokens& tokens) {
  const auto input = [&](size_t unit) {  // The model has no last output.
    return unit == units_.size()
               ? Tensor{}
               : Float32(units_[unit].input.data(), rows_, HiddenOf(config_));
  };
  const auto gradient = [&](size_t unit) {
    return unit == units_.size() ? Tensor{}
                                 : Float32(units_[unit].input_gradient.data(),
                                           rows_, HiddenOf(config_));
  };
  const auto memory = [&](size_t unit) -> LayerMemory {
    return {units_[unit].saved.data(), units_[unit].deferred.data(),
            units_[unit].scratch.data()};
  };
  for (size_t unit = 0; unit < units_.size(); ++unit) {
    PENSTOCK_CHECK(
        units_[unit]
            .layer->Forward(tokens, input(unit), input(unit + 1), memory(unit))
            .ok());
  }
  for (size_t unit = units_.size(); unit-- > 0;) {
    Layer& layer = *units_[unit].layer;
    PENSTOCK_CHECK(layer
                       .BackwardInput(tokens, input(unit), gradient(unit + 1),
                                      gradient(unit), memory(unit))
                       .ok());
    PENSTOCK_CHECK(layer
                       .BackwardWeight(tokens, input(unit), gradient(unit + 1),
                                       memory(unit))
                       .ok());
  }
  const auto loss = units_.back().layer->LossSum(memory(units_.size() - 1));
  PENSTOCK_CHECK(loss.ok());
  return *loss;
}

double LayerTrainer::GradientNorm(const State& state) {
  double sum = 0;
  const std::span<const float> gradient(
      state.gradient.floats(), static_cast<size_t>(state.parameter.count()));
  PENSTOCK_CHECK(backend_.SumsOfSquares({&gradient, 1}, {&sum, 1}).ok());
  return std::sqrt(sum);
}

void LayerTrainer::Update(double grad_norm) {
  // The 1e-6 is that of torch.nn.utils.clip_grad_norm_.
  const double clip = std::min(1.0, optimizer_.clip_norm / (grad_norm + 1e-6));
  for (const State& state : states_) {
    const bool decays = state.parameter.shape.size() >= 2;
    const AdamWArgs args = {
        .weight = state.value.floats(),
        .gradient = state.gradient.floats(),
        .first_moment = state.first_moment.floats(),
        .second_moment = state.second_moment.floats(),
        .count = state.parameter.count(),
        .gradient_scale = static_cast<float>(clip),
        .learning_rate = static_cast<float>(optimizer_.learning_rate),
        .beta1 = static_cast<float>(optimizer_.beta1),
        .beta2 = static_cast<float>(optimizer_.beta2),
        .epsilon = static_cast<float>(optimizer_.epsilon),
        .weight_decay =
            decays ? static_cast<float>(optimizer_.weight_decay) : 0,
        .step = steps_done_};
    PENSTOCK_CHECK(backend_.AdamW(args).ok());
    PENSTOCK_CHECK(backend_.Zero(state.gradient.data(), 4 * args.count).ok());
  }
  const int64_t tied_bytes = 4 * VocabularyOf(config_) * HiddenOf(config_);
  PENSTOCK_CHECK(backend_.Zero(tied_gradient_.data(), tied_bytes).ok());
}

LayerTrainer::StepResult LayerTrainer::Step(
    const std::vector<int32_t>& tokens) {
  StepResult result;
  for (int64_t m = 0; m < batch_.micro_batches; ++m) {
    const auto on_device = [&](int64_t shift) {
      return DeviceBuffer::Of(backend_,
                              Slice(tokens, m * rows_ + shift, rows_));
    };
    const DeviceBuffer inputs = on_device(0);
    const DeviceBuffer labels = on_device(1);
    result.loss += RunMicrobatch({inputs.integers(), labels.integers()});
  }
  result.loss /= static_cast<double>(rows_ * batch_.micro_batches);
  if (HasTiedEmbeddings(config_)) {
    const int64_t count = VocabularyOf(config_) * HiddenOf(config_);
    PENSTOCK_CHECK(backend_
                       .Accumulate(tied_gradient_.floats(), count,
                                   states_.front().gradient.floats())
                       .ok());
  }
  double squares = 0;
  for (const State& state : states_) {
    const double norm = GradientNorm(state);
    result.gradient_norms[state.parameter.name] = norm;
    squares += norm * norm;
  }
  result.grad_norm = std::sqrt(squares);
  ++steps_done_;
  Update(result.grad_norm);
  return result;
}

LayerTrainer::Weights LayerTrainer::ReadWeights() const {
  Weights weights;
  for (const State& state : states_) {
    weights[state.parameter.name] = state.value.Read();
  }
  return weights;
}

}  // namespace penstock
