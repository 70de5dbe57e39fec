#ifndef TESTS_NUMERICS_REFERENCE_LLAMA_H_
#define TESTS_NUMERICS_REFERENCE_LLAMA_H_

#include <cstdint>
#include <vector>

#include "proto/llama.h"
#include "tests/numerics/reference_gpt2.h"

namespace penstock {

// The forward passes of a Llama's units in float64, as reference_gpt2.h has
// those of a GPT-2. Without scaling of rotary frequencies.

Vector ReferenceEmbedding(const LlamaConfig& config, const Parameters& weights,
                          const std::vector<int32_t>& tokens);
Vector ReferenceBlock(const LlamaConfig& config, const Parameters& weights,
                      const Vector& x);

// The loss of each row, in nats.
Vector ReferenceHead(const LlamaConfig& config, const Parameters& weights,
                     const Vector& x, const std::vector<int32_t>& labels);

}  // namespace penstock

#endif  // TESTS_NUMERICS_REFERENCE_LLAMA_H_
