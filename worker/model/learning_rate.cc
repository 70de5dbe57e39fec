#include "worker/model/learning_rate.h"

#include <cmath>

namespace penstock {

double LearningRate(const AdamWSpec& spec, int64_t step, int64_t steps) {
  const double rate = spec.learning_rate;
  if (step < spec.warmup_steps) {
    return rate * static_cast<double>(step) /
           static_cast<double>(spec.warmup_steps);
  }
  if (!spec.cosine_decay) return rate;
  if (step >= steps) return spec.final_learning_rate;
  const double progress = static_cast<double>(step - spec.warmup_steps) /
                          static_cast<double>(steps - spec.warmup_steps);
  constexpr double kPi = 3.141592653589793;
  return spec.final_learning_rate + (rate - spec.final_learning_rate) * 0.5 *
                                        (1 + std::cos(kPi * progress));
}

}  // namespace penstock
