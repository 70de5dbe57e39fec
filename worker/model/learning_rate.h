#ifndef WORKER_MODEL_LEARNING_RATE_H_
#define WORKER_MODEL_LEARNING_RATE_H_

#include <cstdint>

#include "proto/job_spec.h"

namespace penstock {

// The learning rate of update `step`, counted from 1, of `steps` in all. Rises
// linearly over the warm-up steps, the last of which has the full rate; then
// constant, or half a cosine down to final_learning_rate at the last step
// (Loshchilov & Hutter 2017, without restarts).
double LearningRate(const AdamWSpec& spec, int64_t step, int64_t steps);

}  // namespace penstock

#endif  // WORKER_MODEL_LEARNING_RATE_H_
