#ifndef WORKER_RUNTIME_MODEL_STAGE_H_
#define WORKER_RUNTIME_MODEL_STAGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "proto/architecture.h"
#include "proto/unit_layout.h"
#include "worker/model/layer.h"
#include "worker/runtime/batch_reader.h"
#include "worker/runtime/stage.h"

namespace penstock {

// Units [unit_begin, unit_end) of a model, for passes of one shape.
struct ModelSlice {
  Architecture config;
  int64_t unit_begin = 0;
  int64_t unit_end = 0;
  PassShape pass;

  int64_t piece_length() const {
    return SequenceLengthOf(config) / pass.pieces;
  }
  bool first() const { return unit_begin == 0; }
  bool last() const { return unit_end == UnitCount(config); }
};

// Runs the layers of a slice one after the other. In `saved` lie tokens and
// labels, then for each unit its input (but not the first one's, which is the
// pass's) and what the layer saves; in `deferred` for each unit what the layer
// defers and the gradient of its output (but not the last one's). The workspace
// has a layer's scratch first.
class ModelStage final : public Stage {
 public:
  static StageSizes SizesOf(const ModelSlice& slice);

  // One layer per unit. `data` is needed on the first and last stage of the
  // model only.
  ModelStage(const ModelSlice& slice, Backend& backend, BatchReader* data,
             std::vector<std::unique_ptr<Layer>> layers);

  StageSizes sizes() const override { return SizesOf(slice_); }
  absl::Status Forward(const StagePass& pass) override;
  absl::Status Backward(const StagePass& pass) override;
  absl::Status BackwardInput(const StagePass& pass) override;
  absl::Status BackwardWeight(const StagePass& pass) override;
  absl::StatusOr<double> LossSum(const std::byte* saved) const override;

 private:
  struct UnitLayout {
    int64_t input = -1;            // Offset in saved; -1: the pass's input.
    int64_t saved = 0;             // Offset in saved.
    int64_t deferred = 0;          // Offset in deferred.
    int64_t output_gradient = -1;  // Offset in deferred; -1: the pass's.
  };

  enum class Kind { kForward, kBackward, kBackwardInput, kBackwardWeight };

  // Names all that the layers queue for a pass: this stage with its weights,
  // the kind and where the memory is. Numbers do not change from pass to pass.
  uint64_t KeyOf(Kind kind, const StagePass& pass) const;

  absl::Status QueueForward(const StagePass& pass);
  absl::Status QueueBackward(const StagePass& pass);
  absl::Status QueueBackwardInput(const StagePass& pass);
  absl::Status QueueBackwardWeight(const StagePass& pass);

  absl::Status ReadBatch(const StagePass& pass);
  LayerTokens Tokens(const std::byte* saved) const;
  // The pass's memory as unit `unit` has it, without `deferred`.
  LayerMemory Memory(const StagePass& pass, size_t unit);
  ConstTensor Input(const StagePass& pass, size_t unit) const;
  Tensor Boundary(std::byte* data) const;

  const uint64_t number_;  // Of this among all stages of the process.
  const ModelSlice slice_;
  Backend& backend_;
  BatchReader* const data_;
  const std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<UnitLayout> units_;
  // Offsets in the workspace. Of one layer, for Backward:
  int64_t deferred_ = 0;
  // Of unit outputs, for Backward; the first takes outputs that nobody wants.
  int64_t gradients_[2] = {};
  std::vector<int32_t> host_tokens_;
  std::vector<int32_t> host_labels_;
  std::vector<std::byte*> earlier_;  // Of the unit of the last Memory().
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_MODEL_STAGE_H_
