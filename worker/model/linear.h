#ifndef WORKER_MODEL_LINEAR_H_
#define WORKER_MODEL_LINEAR_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/tensor.h"
#include "worker/model/layer.h"

namespace penstock {

// A product with a weight that lies as the model's files have it, so that they
// are read and written exactly: y = x W + b with W [in, out], as Hugging Face's
// Conv1D, or y = x W' with W [out, in], as PyTorch's Linear. Does not own the
// weights.
//
// Thread-compatible. Errors of every method: those of Backend::Matmul.
class Linear {
 public:
  // W [in, out].
  Linear(Backend& backend, const LayerWeight& weight, const LayerWeight& bias,
         int64_t in, int64_t out)
      : backend_(backend), weight_(weight), bias_(bias), in_(in), out_(out) {}

  // W [out, in], no bias.
  Linear(Backend& backend, const LayerWeight& weight, int64_t in, int64_t out)
      : backend_(backend), weight_(weight), in_(in), out_(out) {}

  // y = product + addend; x [rows, in], y and addend [rows, out]. The addend's
  // data may be null, for none.
  absl::Status Forward(ConstTensor x, ConstTensor addend, Tensor y) const;

  // dx = gradient with respect to x + addend, which may be dx itself, or have
  // null data, for none.
  absl::Status BackwardInput(ConstTensor dy, ConstTensor addend,
                             Tensor dx) const;

  // Adds to the gradients of the weights.
  absl::Status BackwardWeight(ConstTensor x, ConstTensor dy) const;

  // Of W alone, where who makes dy adds to the bias's.
  absl::Status BackwardMatrix(ConstTensor x, ConstTensor dy) const;
  float* bias_gradient() const { return bias_->gradient; }

 private:
  // Of the weight as it lies.
  int64_t rows() const { return bias_ ? in_ : out_; }
  int64_t cols() const { return bias_ ? out_ : in_; }

  Backend& backend_;
  const LayerWeight weight_;
  const std::optional<LayerWeight> bias_;  // W is [out, in] without.
  const int64_t in_;
  const int64_t out_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_LINEAR_H_
