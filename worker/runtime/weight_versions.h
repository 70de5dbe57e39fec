#ifndef WORKER_RUNTIME_WEIGHT_VERSIONS_H_
#define WORKER_RUNTIME_WEIGHT_VERSIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "proto/plan.h"
#include "worker/runtime/rank_memory.h"
#include "worker/runtime/stage.h"

namespace penstock {

// UPDATE actions of a stage in one step; 0 when the plan has no weight
// versions.
int UpdatesPerStep(const Plan& plan);

// The weight versions of a rank's stages, of a program with UPDATE actions
// (PipeDream, Narayanan et al. 2019; 2BW, Narayanan et al. 2021). A version
// stays in its buffer as long as a later action of the program uses it; an
// update that finds the version before unused from there on is made in place,
// any other on a copy. So a stage needs as many buffers as its StageBuffers
// say.
//
// AdamW's moments, gradients and number of updates are one per weight: each
// update changes the newest version by the mean gradient over the micro-batches
// since the update before, whatever versions these have used.
//
// ParameterSlot::weight is always the newest version. Nothing is clipped.
//
// Thread-compatible.
class WeightVersions {
 public:
  // All must outlive this. Requires UpdatesPerStep(plan) > 0.
  WeightVersions(const Plan& plan, int rank, Backend& backend,
                 RankMemory& memory);

  // Which of the buffers of `stage` holds `version`, which an action of the
  // program still uses.
  int BufferOf(int stage, int version) const;

  // Makes `version` of `stage` in step `step`, and zeroes its gradients.
  //
  // Errors: those of Backend.
  absl::Status Update(int64_t step, int stage, int version);

  // Sum of squares of each counted weight's gradient at the last update, in the
  // order of the slots.
  const std::vector<double>& norms_squared() const { return norms_squared_; }

  // The newest versions become version 0 of the next step.
  void EndStep();

 private:
  struct StageVersions {
    // By version: the index, in the program, of the last action that uses it,
    // and of the UPDATE that makes it.
    std::map<int, size_t> last_uses;
    std::map<int, size_t> updates;
    std::map<int, int> buffers;  // By version, of those that are held.
    std::vector<bool> is_free;   // By buffer.
  };

  // Where `version` goes: where the one before is, if that can be overwritten.
  static int TakeBuffer(StageVersions& versions, int version);
  absl::Status MoveNewest(int stage, int from, int to);
  absl::Status SumTied(int stage);
  absl::Status ReadNorms(int stage);
  const StageMemory& Memory(int stage) const;

  const Plan& plan_;
  Backend& backend_;
  RankMemory& memory_;
  const int updates_per_step_;
  std::map<int, StageVersions> stages_;  // By stage.
  std::vector<double> norms_squared_;
};

// A stage of which several versions of the weights are held, each by one of
// `by_buffer`: every pass goes to the one that has its version.
//
// Thread-compatible. Errors: those of the stages.
class VersionedStage final : public Stage {
 public:
  // One stage per buffer of `stage`, all over the same memory but for weights.
  // `versions` must outlive this.
  VersionedStage(const WeightVersions& versions, int stage,
                 std::vector<std::unique_ptr<Stage>> by_buffer)
      : versions_(versions), stage_(stage), by_buffer_(std::move(by_buffer)) {}

  StageSizes sizes() const override { return by_buffer_.front()->sizes(); }
  absl::Status Forward(const StagePass& pass) override {
    return Of(pass).Forward(pass);
  }
  absl::Status Backward(const StagePass& pass) override {
    return Of(pass).Backward(pass);
  }
  absl::Status BackwardInput(const StagePass& pass) override {
    return Of(pass).BackwardInput(pass);
  }
  absl::Status BackwardWeight(const StagePass& pass) override {
    return Of(pass).BackwardWeight(pass);
  }
  absl::StatusOr<double> LossSum(const std::byte* saved) const override {
    return by_buffer_.front()->LossSum(saved);
  }

 private:
  Stage& Of(const StagePass& pass) {
    return *by_buffer_[versions_.BufferOf(stage_, pass.version)];
  }

  const WeightVersions& versions_;
  const int stage_;
  const std::vector<std::unique_ptr<Stage>> by_buffer_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_WEIGHT_VERSIONS_H_
