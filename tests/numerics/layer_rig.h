#ifndef TESTS_NUMERICS_LAYER_RIG_H_
#define TESTS_NUMERICS_LAYER_RIG_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "proto/architecture.h"
#include "proto/precision.h"
#include "tests/numerics/device_buffer.h"
#include "worker/model/layer.h"

namespace penstock {

// What goes into one pass of a layer; x and dy are [rows, hidden], and rounded
// for a layer in bf16.
struct MicrobatchInput {
  std::vector<int32_t> tokens;
  std::vector<int32_t> labels;
  std::vector<float> x;
  std::vector<float> dy;
};

// A micro-batch on the device with memory of its own, of exactly the sizes that
// CostOfUnit says.
class RigPass {
 public:
  RigPass(Backend& backend, const Architecture& config, const UnitCost& cost,
          const MicrobatchInput& input, Precision precision);

  LayerMemory memory(const DeviceBuffer& scratch) const {
    return {saved_.data(), deferred_.data(), scratch.data()};
  }
  LayerTokens tokens() const {
    return {tokens_.integers(), labels_.integers()};
  }
  Tensor x() const { return Boundary(x_); }
  Tensor y() const { return Boundary(y_); }
  Tensor dy() const { return Boundary(dy_); }
  Tensor dx() const { return Boundary(dx_); }
  std::vector<float> ReadY() const { return Read(y_); }
  std::vector<float> ReadDx() const { return Read(dx_); }
  bool GuardsAreIntact() const;

 private:
  Tensor Boundary(const DeviceBuffer& buffer) const {
    return {buffer.data(), rows_, hidden_, hidden_, TypeOf(precision_)};
  }
  std::vector<float> Read(const DeviceBuffer& buffer) const {
    return precision_ == Precision::kFp32 ? buffer.Read()
                                          : buffer.ReadRounded();
  }

  int64_t rows_;
  int64_t hidden_;
  Precision precision_;
  DeviceBuffer tokens_;
  DeviceBuffer labels_;
  DeviceBuffer x_;
  DeviceBuffer y_;
  DeviceBuffer dy_;
  DeviceBuffer dx_;
  DeviceBuffer saved_;
  DeviceBuffer deferred_;
};

// One layer with weights on the device. Failures of the layer end the process.
class LayerRig {
 public:
  LayerRig(Backend& backend, const Architecture& config, int64_t unit,
           int64_t batch, const std::vector<std::vector<float>>& weights,
           float loss_scale, Precision precision = Precision::kFp32);

  RigPass MakePass(const MicrobatchInput& input) const;
  void Forward(const RigPass& pass);
  void BackwardInput(const RigPass& pass);
  void BackwardWeight(const RigPass& pass);
  double LossSum(const RigPass& pass);

  std::vector<std::vector<float>> ReadGradients() const;
  bool GuardsAreIntact() const;

 private:
  Backend& backend_;
  const Architecture config_;
  const PassShape pass_;
  const UnitCost cost_;
  DeviceBuffer scratch_;  // Of all passes: nothing in it outlives a call.
  std::vector<DeviceBuffer> values_;
  std::vector<DeviceBuffer> rounded_;
  std::vector<DeviceBuffer> gradients_;
  std::unique_ptr<Layer> layer_;
};

}  // namespace penstock

#endif  // TESTS_NUMERICS_LAYER_RIG_H_
