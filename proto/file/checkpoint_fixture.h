#ifndef PROTO_FILE_CHECKPOINT_FIXTURE_H_
#define PROTO_FILE_CHECKPOINT_FIXTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/architecture.h"
#include "proto/file/manifest.h"

// Small checkpoints for tests.

namespace penstock {

struct TestParameter {
  Parameter parameter;
  std::vector<float> weight;
  std::vector<float> exp_avg;
  std::vector<float> exp_avg_sq;
};

// Two layers of 8, four heads of 2.
Gpt2Config TestModel(bool tied);

// Two layers of 8, four heads of 4 that share two of keys and values.
LlamaConfig TestLlama(bool tied);

// The model's parameters with values drawn from `seed`.
std::vector<TestParameter> TestParameters(const Architecture& model,
                                          uint64_t seed);

// Writes a checkpoint of these parameters, dealt to `ranks` ranks in contiguous
// pieces, and returns its path below `directory`. Aborts when that fails.
std::string WriteTestCheckpoint(const std::string& directory, int64_t step,
                                const Architecture& model,
                                const std::vector<TestParameter>& parameters,
                                int ranks);

}  // namespace penstock

#endif  // PROTO_FILE_CHECKPOINT_FIXTURE_H_
