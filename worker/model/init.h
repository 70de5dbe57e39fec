#ifndef WORKER_MODEL_INIT_H_
#define WORKER_MODEL_INIT_H_

#include <cstdint>
#include <span>

#include "proto/architecture.h"

namespace penstock {

// The initial value of a parameter. Of a GPT-2 as its authors chose it (Radford
// et al. 2019, section 2.3, and their code): weights and tables normal with
// deviation 0.02, projections into the residual stream 0.02 / sqrt(2 * layers),
// norms' gains 1, biases 0. Of a Llama as in transformers, where all weights
// have the deviation 0.02.
//
// Element i is a pure function of (seed, parameter.name, i), so a model starts
// equal however it is partitioned. `values` has parameter.count() elements.
void FillInitialValue(const Architecture& model, const Parameter& parameter,
                      uint64_t seed, std::span<float> values);

}  // namespace penstock

#endif  // WORKER_MODEL_INIT_H_
