#ifndef WORKER_MODEL_LINEAR_H_
#define WORKER_MODEL_LINEAR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/tensor.h"
#include "worker/model/layer.h"

namespace penstock {

// y = x W + b, with W [in, out] as Hugging Face's Conv1D keeps it. Does not own
// the weights.
//
// Thread-compatible. Errors of every method: those of Backend::Matmul.
class Linear {
 public:
  Linear(Backend& backend, const LayerWeight& weight, const LayerWeight& bias,
         int64_t in, int64_t out)
      : backend_(backend), weight_(weight), bias_(bias), in_(in), out_(out) {}

  // y = x W + b + addend; x [rows, in], y and addend [rows, out]. The addend's
  // data may be null, for none.
  absl::Status Forward(ConstTensor x, ConstTensor addend, Tensor y) const;

  // dx = dy W'.
  absl::Status BackwardInput(ConstTensor dy, Tensor dx) const;

  // dW += x' dy, db += sum of dy's rows.
  absl::Status BackwardWeight(ConstTensor x, ConstTensor dy) const;

 private:
  Backend& backend_;
  const LayerWeight weight_;
  const LayerWeight bias_;
  const int64_t in_;
  const int64_t out_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_LINEAR_H_
