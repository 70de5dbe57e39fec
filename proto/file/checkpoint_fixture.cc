#include "proto/file/checkpoint_fixture.h"

#include <utility>

#include "absl/status/status.h"
#include "proto/base/check.h"
#include "proto/base/file.h"
#include "proto/base/random.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/disk.h"
#include "proto/file/safetensors.h"

namespace penstock {
namespace {

std::vector<float> RandomFloats(int64_t count, Random& random) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(random.Uniform() - 0.5));
  }
  return values;
}

void WriteShard(const std::string& path, const std::string& name,
                const std::vector<NamedTensor>& tensors, Manifest& manifest) {
  const auto written = WriteSafetensors(path + "/" + name, tensors, RealDisk());
  PENSTOCK_CHECK(written.ok());
  ShardFile shard{.file = name, .size = written->size, .xxh3 = written->xxh3};
  for (const NamedTensor& tensor : tensors) {
    shard.tensors.push_back(tensor.name);
  }
  manifest.shards.push_back(std::move(shard));
}

}  // namespace

Gpt2Config TestModel(bool tied) {
  return {.layers = 2,
          .hidden = 8,
          .heads = 4,
          .sequence_length = 4,
          .vocabulary = 16,
          .tied_embeddings = tied};
}

LlamaConfig TestLlama(bool tied) {
  return {.layers = 2,
          .hidden = 8,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 4,
          .intermediate = 12,
          .sequence_length = 4,
          .vocabulary = 16,
          .rope_theta = 5e5,
          .rms_norm_epsilon = 1e-5,
          .tied_embeddings = tied,
          .rope_scaling = RopeScaling{.factor = 8,
                                      .low_frequency_factor = 1,
                                      .high_frequency_factor = 4,
                                      .original_sequence_length = 8192}};
}

std::vector<TestParameter> TestParameters(const Architecture& model,
                                          uint64_t seed) {
  Random random(seed);
  std::vector<TestParameter> parameters;
  for (const Parameter& parameter : AllParameters(model)) {
    const int64_t count = parameter.count();
    TestParameter test{parameter, RandomFloats(count, random),
                       RandomFloats(count, random),
                       RandomFloats(count, random)};
    parameters.push_back(std::move(test));
  }
  return parameters;
}

std::string WriteTestCheckpoint(const std::string& directory, int64_t step,
                                const Architecture& model,
                                const std::vector<TestParameter>& parameters,
                                int ranks) {
  const std::string path = directory + "/" + CheckpointName(step);
  PENSTOCK_CHECK(RealDisk().MakeDirectory(path).ok());
  Manifest manifest{.job = "test", .epoch = 1, .step = step, .model = model};
  manifest.samples = 8 * step;
  const size_t count = parameters.size();
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<NamedTensor> weights;
    std::vector<NamedTensor> moments;
    for (size_t i = count * rank / ranks; i < count * (rank + 1) / ranks; ++i) {
      const TestParameter& test = parameters[i];
      const auto& [name, shape] = test.parameter;
      weights.push_back({name, shape, test.weight});
      moments.push_back({ExpAvgName(name), shape, test.exp_avg});
      moments.push_back({ExpAvgSqName(name), shape, test.exp_avg_sq});
    }
    WriteShard(path, ModelShardName(rank, ranks), weights, manifest);
    WriteShard(path, OptimizerShardName(rank, ranks), moments, manifest);
  }
  PENSTOCK_CHECK(
      WriteFileAtomically(path + "/" + kManifestName, ManifestToJson(manifest))
          .ok());
  return path;
}

}  // namespace penstock
