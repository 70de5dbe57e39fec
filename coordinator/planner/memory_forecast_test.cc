#include "coordinator/planner/memory_forecast.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "proto/architecture.h"
#include "proto/gpt2.h"

namespace penstock {
namespace {

constexpr int64_t kProcess = int64_t{25} << 20;

Gpt2Config SmallConfig(bool tied) {
  return {.layers = 2,
          .hidden = 16,
          .heads = 2,
          .sequence_length = 8,
          .vocabulary = 32,
          .tied_embeddings = tied};
}

JobSpec Job(const Gpt2Config& config) {
  return {.model = {.architecture = config},
          .batch = {.micro_batch_size = 3, .micro_batches = 4}};
}

MemoryForecast Forecast(const JobSpec& spec, int64_t begin, int64_t end,
                        const StageBuffers& buffers) {
  const ModelMemory model = MemoryOfModel(spec);
  StageMemorySum stage(model);
  for (int64_t unit = begin; unit < end; ++unit) stage.Add(unit);
  return stage.Forecast(buffers);
}

int64_t WeightBytes(const Gpt2Config& config, int64_t unit) {
  int64_t bytes = 0;
  for (const Parameter& p : UnitParameters(config, unit))
    bytes += p.count() * 4;
  return bytes;
}

TEST(MemoryForecastTest, AddsUpWhatTheUnitsSay) {
  const Gpt2Config config = SmallConfig(false);
  const int64_t tokens = 3 * 8;
  const int64_t boundary = tokens * 16 * 4;
  const UnitCost block = CostOfUnit(config, 1, {.tokens = tokens});
  const UnitCost head = CostOfUnit(config, 3, {.tokens = tokens});
  const MemoryForecast memory = Forecast(Job(config), 1, 4,
                                         {.activations = 3,
                                          .inputs = 4,
                                          .outputs = 0,
                                          .output_gradients = 0,
                                          .input_gradients = 2,
                                          .whole_backward = true});
  const int64_t weights = 2 * WeightBytes(config, 1) + WeightBytes(config, 3);
  EXPECT_EQ(memory.weights, weights);
  EXPECT_EQ(memory.gradients, weights);
  EXPECT_EQ(memory.optimizer, 2 * weights);
  EXPECT_EQ(memory.activations,
            3 * (2 * block.saved_bytes + head.saved_bytes + 2 * boundary));
  EXPECT_EQ(memory.buffers, 6 * boundary);
  EXPECT_EQ(memory.workspace,
            std::max(block.scratch_bytes, head.scratch_bytes) +
                block.deferred_bytes + 2 * boundary);
  EXPECT_EQ(memory.checkpoint, 3 * weights);
  EXPECT_EQ(memory.process, kProcess + WeightBytes(config, 1));
}

TEST(MemoryForecastTest, SplitBackwardDefersEveryUnit) {
  const Gpt2Config config = SmallConfig(false);
  const MemoryForecast forward =
      Forecast(Job(config), 1, 3, {.activations = 1});
  const MemoryForecast whole =
      Forecast(Job(config), 1, 3, {.activations = 1, .whole_backward = true});
  const MemoryForecast split =
      Forecast(Job(config), 1, 3,
               {.activations = 1, .deferred = 2, .whole_backward = true});
  const int64_t boundary = 24 * 16 * 4;
  EXPECT_EQ(whole.workspace - forward.workspace,
            CostOfUnit(config, 1, {.tokens = 24}).deferred_bytes + boundary);
  EXPECT_EQ(split.workspace - whole.workspace,
            2 * (2 * CostOfUnit(config, 1, {.tokens = 24}).deferred_bytes +
                 boundary));
}

TEST(MemoryForecastTest, StagesOfARankShareWorkspaceAndTiedWeight) {
  const Gpt2Config config = SmallConfig(true);
  const int64_t tied = 32 * 16 * 4;
  const ModelMemory model = MemoryOfModel(Job(config));
  StageMemorySum first(model);
  first.Add(0);
  StageMemorySum last(model);
  last.Add(3);
  const StageBuffers buffers{.activations = 2};
  RankMemorySum sum(model);
  sum.Add(first, buffers);
  sum.Add(last, buffers);
  const MemoryForecast rank = sum.Forecast();
  const MemoryForecast embedding = first.Forecast(buffers);
  const MemoryForecast head = last.Forecast(buffers);
  EXPECT_EQ(rank.weights, embedding.weights + head.weights - tied);
  EXPECT_EQ(rank.gradients, embedding.gradients + head.gradients);
  EXPECT_EQ(rank.activations, embedding.activations + head.activations);
  EXPECT_EQ(rank.workspace, std::max(embedding.workspace, head.workspace));
  EXPECT_EQ(rank.checkpoint, 3 * rank.weights);
  EXPECT_EQ(rank.process, kProcess + WeightBytes(config, 1));
  // Neither needs room for another rank's gradient of the tied weight.
  EXPECT_EQ(rank.buffers, embedding.buffers + head.buffers - 2 * tied);
}

// XL's deterministic attention, which cuDNN says is 420 MB.
TEST(MemoryForecastTest, InBf16CudaDevicesKeepWhatAttentionNeeds) {
  JobSpec spec = Job({.layers = 2,
                      .hidden = 1600,
                      .heads = 25,
                      .sequence_length = 1024,
                      .vocabulary = 32});
  spec.batch.micro_batch_size = 8;
  spec.device = DeviceChoice::kCuda;
  const int64_t floats = MemoryOfModel(spec).process;
  spec.precision = Precision::kBf16;
  const int64_t attention = MemoryOfModel(spec).process - floats;
  EXPECT_GE(attention, 420'249'728);
  EXPECT_LE(attention, 420'500'000);
  spec.fast_attention = true;
  EXPECT_LT(MemoryOfModel(spec).process - floats, attention / 2);
}

TEST(MemoryForecastTest, InBf16EachVersionOfAMatrixHasARoundedCopy) {
  for (const bool tied : {false, true}) {
    const Gpt2Config config = SmallConfig(tied);
    JobSpec spec = Job(config);
    const StageBuffers buffers{
        .activations = 2, .inputs = 1, .deferred = 3, .versions = 4};
    const MemoryForecast wide = Forecast(spec, 0, 4, buffers);
    spec.precision = Precision::kBf16;
    const MemoryForecast narrow = Forecast(spec, 0, 4, buffers);
    int64_t rounded = 0;
    int64_t saved = 3 * 24 * 16 * 2;  // Between four units.
    for (const Parameter& p : AllParameters(config)) {
      if (p.shape.size() == 2) rounded += p.count() * 2;
    }
    for (int64_t unit = 0; unit < 4; ++unit) {
      saved += CostOfUnit(config, unit,
                          {.tokens = 24, .precision = Precision::kBf16})
                   .saved_bytes;
    }
    EXPECT_EQ(narrow.weights, wide.weights + 4 * rounded);
    EXPECT_EQ(narrow.gradients, wide.gradients);
    EXPECT_EQ(narrow.optimizer, wide.optimizer);
    EXPECT_EQ(narrow.checkpoint, wide.checkpoint);
    EXPECT_EQ(narrow.activations, 2 * saved);
    EXPECT_EQ(2 * narrow.buffers, wide.buffers);
    EXPECT_LT(narrow.workspace, wide.workspace);
  }
}

TEST(MemoryForecastTest, TheSecondCopyIsHeldButNotWritten) {
  const ModelMemory model = MemoryOfModel(Job(SmallConfig(false)), 2);
  StageMemorySum one(model);
  one.Add(1);
  StageMemorySum two(model);
  two.Add(2);
  RankMemorySum sum(model);
  sum.Add(one, {}, /*written=*/true);
  sum.Add(two, {}, /*written=*/false);
  const MemoryForecast rank = sum.Forecast();
  EXPECT_EQ(rank.weights, 2 * one.Forecast({}).weights);
  EXPECT_EQ(rank.checkpoint, one.Forecast({}).checkpoint);
  EXPECT_EQ(rank.buffers, 2 << 20);  // A chunk of the gradients of either.
}

TEST(MemoryForecastTest, ATiedWeightIsHeldOnceButHasTwoGradients) {
  const Gpt2Config config = SmallConfig(true);
  const int64_t tied = 32 * 16 * 4;
  int64_t weights = 0;
  for (int64_t unit = 0; unit < 4; ++unit) weights += WeightBytes(config, unit);
  const MemoryForecast one = Forecast(Job(config), 0, 4, {.activations = 1});
  EXPECT_EQ(one.weights, weights - tied);
  EXPECT_EQ(one.gradients, weights);
  EXPECT_EQ(one.optimizer, 2 * (weights - tied));
  // On two ranks each has the tensor.
  EXPECT_EQ(Forecast(Job(config), 0, 2, {}).weights +
                Forecast(Job(config), 2, 4, {}).weights,
            weights);
}

TEST(MemoryForecastTest, ASimModelNeedsOnlyBuffers) {
  const JobSpec spec{
      .model = {.architecture = SimModel{.layers = 4, .boundary_bytes = 1000}}};
  const MemoryForecast memory = Forecast(
      spec, 0, 2, {.activations = 2, .outputs = 3, .whole_backward = true});
  EXPECT_EQ(memory.total(), kProcess + 2 * 1000 + 3 * 1000 + 2 * 1000);
}

TEST(MemoryForecastTest, SaturatesInsteadOfOverflowing) {
  JobSpec spec = Job({.layers = 4096,
                      .hidden = 65536,
                      .heads = 1024,
                      .sequence_length = 1 << 20,
                      .vocabulary = 1 << 20});
  spec.batch.micro_batch_size = 16;
  const MemoryForecast memory =
      Forecast(spec, 0, 4098, {.activations = 65536, .inputs = 65536});
  EXPECT_GT(memory.activations, int64_t{1} << 58);
  EXPECT_LE(memory.activations, int64_t{1} << 59);
  EXPECT_GT(memory.total(), memory.activations);
}

TEST(MemoryForecastTest, BytesAreReadable) {
  EXPECT_EQ(MemoryText(1000), "1000 bytes");
  EXPECT_EQ(MemoryText(3 << 19), "1.5 MiB");
  EXPECT_EQ(MemoryText(int64_t{5} << 30), "5.0 GiB");
}

}  // namespace
}  // namespace penstock
