#ifndef TESTS_NUMERICS_TRAINER_H_
#define TESTS_NUMERICS_TRAINER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "proto/architecture.h"
#include "proto/job_spec.h"
#include "tests/numerics/device_buffer.h"
#include "worker/model/layer.h"

namespace penstock {

// Trains a whole model on one thread with the layers alone: what every pipeline
// must compute. Errors end the process.
class LayerTrainer {
 public:
  using Weights = std::map<std::string, std::vector<float>>;  // By name.
  using Norms = std::map<std::string, double>;

  struct StepResult {
    double loss = 0;       // Nats per token, before the update.
    double grad_norm = 0;  // Before clipping.
    Norms gradient_norms;  // Of each tensor, before clipping.
  };

  LayerTrainer(Backend& backend, const Architecture& config,
               const BatchSpec& batch, const AdamWSpec& optimizer,
               const Weights& weights);

  // One update. Sample i of the step is tokens [i * sequence_length, (i + 1) *
  // sequence_length] of `tokens`, the last of which is only a label.
  StepResult Step(const std::vector<int32_t>& tokens);

  Weights ReadWeights() const;

 private:
  // A weight of the model with what the optimizer keeps.
  struct State {
    Parameter parameter;
    DeviceBuffer value;
    DeviceBuffer gradient;
    DeviceBuffer first_moment;
    DeviceBuffer second_moment;
  };
  struct Unit {
    std::unique_ptr<Layer> layer;
    DeviceBuffer saved;
    DeviceBuffer deferred;
    DeviceBuffer scratch;
    DeviceBuffer input;           // [N, hidden]
    DeviceBuffer input_gradient;  // [N, hidden]
  };

  void AddUnit(int64_t index);
  LayerWeight WeightOf(const std::string& name, int64_t unit);
  double RunMicrobatch(const LayerTokens& tokens);
  double GradientNorm(const State& state);
  void Update(double grad_norm);

  Backend& backend_;
  const Architecture config_;
  const BatchSpec batch_;
  const AdamWSpec optimizer_;
  const int64_t rows_;  // Of a micro-batch.
  int64_t steps_done_ = 0;
  std::vector<State> states_;
  DeviceBuffer tied_gradient_;  // The head's share of the table's gradient.
  std::vector<Unit> units_;
};

}  // namespace penstock

#endif  // TESTS_NUMERICS_TRAINER_H_
