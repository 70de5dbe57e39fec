#ifndef TESTS_NUMERICS_REFERENCE_GPT2_H_
#define TESTS_NUMERICS_REFERENCE_GPT2_H_

#include <cstdint>
#include <vector>

#include "proto/gpt2.h"

namespace penstock {

// The forward passes of GPT-2's units in float64, written to be read: one loop
// per formula, no reuse, no gradients. What the layers are measured against.

using Vector = std::vector<double>;

// A unit's parameters in the order of UnitParameters, each flat and row-major.
using Parameters = std::vector<Vector>;

// Activations are [rows, hidden], rows = samples * sequence_length.
Vector ReferenceEmbedding(const Gpt2Config& config, const Parameters& weights,
                          const std::vector<int32_t>& tokens);
Vector ReferenceBlock(const Gpt2Config& config, const Parameters& weights,
                      const Vector& x);

// The loss of each row, in nats.
Vector ReferenceHead(const Gpt2Config& config, const Parameters& weights,
                     const Vector& x, const std::vector<int32_t>& labels);

}  // namespace penstock

#endif  // TESTS_NUMERICS_REFERENCE_GPT2_H_
