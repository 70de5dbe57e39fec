#include "tests/numerics/layer_rig.h"

#include <algorithm>

#include "proto/base/check.h"
#include "worker/model/make_layer.h"

namespace penstock {

namespace {

DeviceBuffer BufferOf(Backend& backend, const std::vector<float>& values,
                      Precision precision) {
  return precision == Precision::kFp32 ? DeviceBuffer::Of(backend, values)
                                       : DeviceBuffer::Rounded(backend, values);
}

}  // namespace

RigPass::RigPass(Backend& backend, const Architecture& config,
                 const UnitCost& cost, const MicrobatchInput& input,
                 Precision precision)
    : rows_(static_cast<int64_t>(input.tokens.size())),
      hidden_(HiddenOf(config)),
      precision_(precision),
      tokens_(DeviceBuffer::Of(backend, input.tokens)),
      labels_(DeviceBuffer::Of(backend, input.labels)),
      x_(BufferOf(backend, input.x, precision)),
      y_(backend, rows_ * hidden_ * ElementBytes(precision)),
      dy_(BufferOf(backend, input.dy, precision)),
      dx_(backend, rows_ * hidden_ * ElementBytes(precision)),
      saved_(backend, cost.saved_bytes),
      deferred_(backend, cost.deferred_bytes) {}

bool RigPass::GuardsAreIntact() const {
  return y_.GuardIsIntact() && dx_.GuardIsIntact() && saved_.GuardIsIntact() &&
         deferred_.GuardIsIntact();
}

LayerRig::LayerRig(Backend& backend, const Architecture& config, int64_t unit,
                   int64_t batch,
                   const std::vector<std::vector<float>>& weights,
                   float loss_scale, Precision precision)
    : backend_(backend),
      config_(config),
      pass_{.tokens = batch * SequenceLengthOf(config), .precision = precision},
      cost_(CostOfUnit(config, unit, pass_)),
      scratch_(backend, cost_.scratch_bytes) {
  std::vector<LayerWeight> on_device;
  const std::vector<Parameter> parameters = UnitParameters(config, unit);
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::vector<float>& weight = weights[i];
    values_.push_back(DeviceBuffer::Of(backend, weight));
    gradients_.push_back(
        DeviceBuffer::Zeros(backend, static_cast<int64_t>(weight.size())));
    on_device.push_back({values_.back().floats(), gradients_.back().floats()});
    if (RoundedBytes(parameters[i], precision) == 0) continue;
    rounded_.push_back(DeviceBuffer::Rounded(backend, weight));
    on_device.back().rounded = rounded_.back().data();
  }
  auto layer = MakeLayer(config, unit, pass_, backend, on_device, loss_scale);
  PENSTOCK_CHECK(layer.ok());
  layer_ = *std::move(layer);
}

RigPass LayerRig::MakePass(const MicrobatchInput& input) const {
  return RigPass(backend_, config_, cost_, input, pass_.precision);
}

void LayerRig::Forward(const RigPass& pass) {
  PENSTOCK_CHECK(
      layer_->Forward(pass.tokens(), pass.x(), pass.y(), pass.memory(scratch_))
          .ok());
}

void LayerRig::BackwardInput(const RigPass& pass) {
  PENSTOCK_CHECK(layer_
                     ->BackwardInput(pass.tokens(), pass.x(), pass.dy(),
                                     pass.dx(), pass.memory(scratch_))
                     .ok());
}

void LayerRig::BackwardWeight(const RigPass& pass) {
  PENSTOCK_CHECK(layer_
                     ->BackwardWeight(pass.tokens(), pass.x(), pass.dy(),
                                      pass.memory(scratch_))
                     .ok());
}

double LayerRig::LossSum(const RigPass& pass) {
  const auto sum = layer_->LossSum(pass.memory(scratch_));
  PENSTOCK_CHECK(sum.ok());
  return *sum;
}

std::vector<std::vector<float>> LayerRig::ReadGradients() const {
  std::vector<std::vector<float>> all;
  for (const DeviceBuffer& gradient : gradients_) {
    all.push_back(gradient.Read());
  }
  return all;
}

bool LayerRig::GuardsAreIntact() const {
  return scratch_.GuardIsIntact() &&
         std::all_of(
             gradients_.begin(), gradients_.end(),
             [](const DeviceBuffer& buffer) { return buffer.GuardIsIntact(); });
}

}  // namespace penstock
