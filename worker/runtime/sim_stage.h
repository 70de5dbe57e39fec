#ifndef WORKER_RUNTIME_SIM_STAGE_H_
#define WORKER_RUNTIME_SIM_STAGE_H_

#include "absl/time/time.h"
#include "proto/job_spec.h"
#include "worker/runtime/stage.h"

namespace penstock {

// A stage of `layers` layers of a sim model: sleeps as long as they are said to
// compute, a piece of `pieces` for its share of it, and passes tensors of the
// right size whose content says which micro-batch they belong to, so that a
// mix-up on the way is noticed.
//
// Errors:
//   DataLoss: a tensor of another micro-batch or step arrived.
class SimStage final : public Stage {
 public:
  SimStage(const SimModel& model, int64_t layers, bool first, bool last,
           int pieces = 1)
      : model_(model),
        layers_(layers),
        first_(first),
        last_(last),
        pieces_(pieces) {}

  StageSizes sizes() const override;
  absl::Status Forward(const StagePass& pass) override;
  absl::Status Backward(const StagePass& pass) override;
  absl::Status BackwardInput(const StagePass& pass) override;
  absl::Status BackwardWeight(const StagePass& pass) override;
  absl::StatusOr<double> LossSum(const std::byte* /*saved*/) const override {
    return 0.0;
  }

 private:
  int64_t boundary_bytes() const;
  // Of all layers, one of which takes `layer_us` for a whole micro-batch.
  absl::Duration Time(int64_t layer_us) const;

  const SimModel model_;
  const int64_t layers_;
  const bool first_;
  const bool last_;
  const int pieces_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_SIM_STAGE_H_
