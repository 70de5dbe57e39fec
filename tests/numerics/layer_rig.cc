#include "tests/numerics/layer_rig.h"

#include <algorithm>

#include "proto/base/check.h"
#include "worker/model/make_layer.h"

namespace penstock {

RigPass::RigPass(Backend& backend, const Architecture& config,
                 const UnitCost& cost, const MicrobatchInput& input)
    : rows_(static_cast<int64_t>(input.tokens.size())),
      hidden_(HiddenOf(config)),
      tokens_(DeviceBuffer::Of(backend, input.tokens)),
      labels_(DeviceBuffer::Of(backend, input.labels)),
      x_(DeviceBuffer::Of(backend, input.x)),
      y_(backend, rows_ * hidden_ * 4),
      dy_(DeviceBuffer::Of(backend, input.dy)),
      dx_(backend, rows_ * hidden_ * 4),
      saved_(backend, cost.saved_bytes),
      deferred_(backend, cost.deferred_bytes) {}

bool RigPass::GuardsAreIntact() const {
  return y_.GuardIsIntact() && dx_.GuardIsIntact() && saved_.GuardIsIntact() &&
         deferred_.GuardIsIntact();
}

LayerRig::LayerRig(Backend& backend, const Architecture& config, int64_t unit,
                   int64_t batch,
                   const std::vector<std::vector<float>>& weights,
                   float loss_scale)
    : backend_(backend),
      config_(config),
      cost_(CostOfUnit(config, unit, batch * SequenceLengthOf(config))),
      scratch_(backend, cost_.scratch_bytes) {
  std::vector<LayerWeight> on_device;
  for (const std::vector<float>& weight : weights) {
    values_.push_back(DeviceBuffer::Of(backend, weight));
    gradients_.push_back(
        DeviceBuffer::Zeros(backend, static_cast<int64_t>(weight.size())));
    on_device.push_back({values_.back().floats(), gradients_.back().floats()});
  }
  auto layer = MakeLayer(config, unit, batch, backend, on_device, loss_scale);
  PENSTOCK_CHECK(layer.ok());
  layer_ = *std::move(layer);
}

RigPass LayerRig::MakePass(const MicrobatchInput& input) const {
  return RigPass(backend_, config_, cost_, input);
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
