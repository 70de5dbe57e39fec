#ifndef WORKER_MODEL_LAYER_H_
#define WORKER_MODEL_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/tensor.h"
#include "proto/precision.h"

namespace penstock {

// Where one pass of a layer over one micro-batch keeps things; sizes by
// CostOfUnit (proto/architecture.h), each aligned to 64 bytes.
struct LayerMemory {
  // Written by Forward, or for the last layer by BackwardInput, and read by
  // both backwards.
  std::byte* saved = nullptr;
  std::byte* deferred = nullptr;  // BackwardInput to BackwardWeight.
  std::byte* scratch = nullptr;   // During one call.
  // What the layer saved for the pieces of the same sequences that come before
  // this one, in order; empty for the first and where sequences are whole.
  // BackwardInput writes there, too: pieces go backward from the last one.
  std::span<std::byte* const> earlier = {};
};

// The ends of the model, where data enters: the first layer reads tokens, the
// last one labels. Both [rows], in the backend's memory.
struct LayerTokens {
  const int32_t* tokens = nullptr;
  const int32_t* labels = nullptr;
};

// One unit of the model with its weights. A forward pass is followed by an
// input-gradient pass and that by a weight-gradient pass, each a separate entry
// point; passes of other micro-batches may come in between, with other memory.
//
// x and y are [rows, hidden], dy and dx their gradients, all of the layer's
// precision; x must stay as it is until BackwardWeight, dy likewise. The first
// layer ignores x and dx, the last one y and dy. None of the tensors overlap.
//
// Thread-compatible: the executor's thread calls.
//
// Errors of every method: those of the Backend.
class Layer {
 public:
  virtual ~Layer() = default;

  virtual absl::Status Forward(const LayerTokens& tokens, ConstTensor x,
                               Tensor y, const LayerMemory& memory) = 0;

  // dx = gradient with respect to x. Gradients of weights that come with it, or
  // for which much would have to be done again, are added here.
  virtual absl::Status BackwardInput(const LayerTokens& tokens, ConstTensor x,
                                     ConstTensor dy, Tensor dx,
                                     const LayerMemory& memory) = 0;

  // Adds the gradients of the other weights to the layer's gradient tensors.
  virtual absl::Status BackwardWeight(const LayerTokens& tokens, ConstTensor x,
                                      ConstTensor dy,
                                      const LayerMemory& memory) = 0;

  // Sum of the token losses of the micro-batch that BackwardInput saw last with
  // this memory, in nats. 0 except for the last layer. Waits for the backend.
  virtual absl::StatusOr<double> LossSum(const LayerMemory& /*memory*/) {
    return 0.0;
  }
};

// A weight and its gradient, float32, in the order of UnitParameters.
struct LayerWeight {
  float* value = nullptr;
  float* gradient = nullptr;
  // The value rounded to bfloat16, which layers of that precision read of
  // weights of two dimensions; null else.
  std::byte* rounded = nullptr;

  // What a layer reads of a weight [rows, cols].
  ConstTensor Matrix(int64_t rows, int64_t cols) const {
    if (rounded == nullptr) return Float32(value, rows, cols);
    return {rounded, rows, cols, cols, DataType::kBFloat16};
  }
};

constexpr DataType TypeOf(Precision precision) {
  return precision == Precision::kFp32 ? DataType::kFloat32
                                       : DataType::kBFloat16;
}

}  // namespace penstock

#endif  // WORKER_MODEL_LAYER_H_
