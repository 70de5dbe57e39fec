#ifndef WORKER_MODEL_NORM_H_
#define WORKER_MODEL_NORM_H_

#include <optional>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/tensor.h"
#include "worker/model/layer.h"

namespace penstock {

// What a norm keeps of each row, [rows]. An RMS norm has no mean.
struct NormStatistics {
  float* mean = nullptr;
  float* rstd = nullptr;
};

// A layer norm with gain and bias, or an RMS norm with a gain. Does not own its
// weights.
//
// Thread-compatible. Errors of every method: those of the Backend.
class Norm {
 public:
  // An RMS norm when there is no `bias`.
  Norm(Backend& backend, const LayerWeight& gain,
       const std::optional<LayerWeight>& bias, float epsilon)
      : backend_(backend), gain_(gain), bias_(bias), epsilon_(epsilon) {}

  // x and out [rows, hidden].
  absl::Status Forward(ConstTensor x, Tensor out,
                       const NormStatistics& statistics) const;

  // dx = addend + gradient with respect to x. The addend's data may be null,
  // for none; dx may be addend or dout.
  absl::Status BackwardInput(ConstTensor dout, ConstTensor x,
                             const NormStatistics& statistics,
                             ConstTensor addend, Tensor dx) const;

  // Adds to the gradients of the weights. `out` is the output of the forward
  // pass again, to the bit; its data may be null, for none.
  absl::Status BackwardWeight(ConstTensor dout, ConstTensor x,
                              const NormStatistics& statistics,
                              Tensor out) const;

 private:
  Backend& backend_;
  const LayerWeight gain_;
  const std::optional<LayerWeight> bias_;
  const float epsilon_;
};

}  // namespace penstock

#endif  // WORKER_MODEL_NORM_H_
