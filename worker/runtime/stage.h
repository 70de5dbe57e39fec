#ifndef WORKER_RUNTIME_STAGE_H_
#define WORKER_RUNTIME_STAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

// The memory of one pass of a stage over one micro-batch, or over one piece of
// its sequences. All of it belongs to
// the caller and stays as it is from a micro-batch's forward pass to its last
// backward pass, except `output` and `input_gradient`, which the stage writes.
struct StagePass {
  int64_t step = 0;  // Being made, from 1: with `microbatch` it names the data.
  int microbatch = 0;
  int version = -1;                  // Of the weights; see Action.
  const std::byte* input = nullptr;  // Null on the first stage.
  // Null on the last stage, and where the pass is made again for `saved` alone.
  std::byte* output = nullptr;
  const std::byte* output_gradient = nullptr;  // Null on the last stage.
  std::byte* input_gradient = nullptr;         // Null on the first stage.
  std::byte* saved = nullptr;                  // StageSizes::saved bytes.
  std::byte* deferred = nullptr;   // StageSizes::deferred; for I and W only.
  std::byte* workspace = nullptr;  // As StageSizes says.
  // `saved` of the pieces before this one, in order; empty for the first. I and
  // B write there, too.
  std::span<std::byte* const> earlier = {};
};

// Bytes, per micro-batch or piece of one, except for the workspaces, which hold
// nothing between two passes.
struct StageSizes {
  int64_t boundary_in = 0;   // Input and its gradient; 0 on the first stage.
  int64_t boundary_out = 0;  // Output and its gradient; 0 on the last stage.
  int64_t saved = 0;
  int64_t deferred = 0;
  int64_t workspace = 0;           // Of any pass.
  int64_t backward_workspace = 0;  // Of Backward.
};

// A contiguous slice of the model on one rank. `Backward` gives the bits of
// `BackwardInput` followed by `BackwardWeight`.
//
// Thread-compatible: the executor's thread calls. Each call returns when the
// device is done.
//
// Errors of every method: those of the Backend, and of the data on the first
// and last stage.
class Stage {
 public:
  virtual ~Stage() = default;

  virtual StageSizes sizes() const = 0;

  virtual absl::Status Forward(const StagePass& pass) = 0;
  virtual absl::Status Backward(const StagePass& pass) = 0;
  virtual absl::Status BackwardInput(const StagePass& pass) = 0;
  virtual absl::Status BackwardWeight(const StagePass& pass) = 0;

  // Sum of the token losses of the micro-batch whose input-gradient pass was
  // made last with `saved`, in nats; 0 unless it is the last stage.
  virtual absl::StatusOr<double> LossSum(const std::byte* saved) const = 0;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_STAGE_H_
