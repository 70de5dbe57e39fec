#include "coordinator/planner/model_memory.h"

#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

constexpr double kMiB = 1 << 20;

MemoryRun Llama8B(int64_t sequence, int64_t pipeline) {
  return {.model = {.layers = 32,
                    .hidden = 4096,
                    .heads = 32,
                    .kv_heads = 8,
                    .feed_forward = 14336,
                    .gated = true,
                    .vocabulary = 128256},
          .sequence = sequence,
          .pipeline = pipeline,
          .states = kUltraScale};
}

// The figure shows whole MiB, and four times the weights' as the optimizer's.
void ExpectFigure(const ModelRankMemory& rank, const nlohmann::json& row) {
  const std::vector<double> gib = row["fig_GiB"];
  const double weights = std::floor(rank.weights / kMiB);
  EXPECT_EQ(weights, row["params_MiB_floor"]);
  EXPECT_EQ(weights / 1024, gib[0]);
  EXPECT_EQ(std::floor(rank.gradients / kMiB) / 1024, gib[1]);
  EXPECT_EQ(rank.optimizer, 4 * rank.weights);
  EXPECT_EQ(4 * weights, row["optimizer_MiB_floor"]);
  EXPECT_EQ(4 * weights / 1024, gib[2]);
  EXPECT_EQ(rank.activations, row["activations_bytes"]);
  EXPECT_EQ(rank.activations / kMiB / 1024, gib[3]);
}

TEST(ModelMemoryTest, ReproducesTheFigureOf8BWithAndWithoutAPipeline) {
  const auto text = ReadFile("tests/golden/memory/formulas.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const auto rows = nlohmann::json::parse(*text)["model_8b"];
  ASSERT_EQ(rows.size(), 3);
  for (const auto& row : rows) {
    const auto one = MemoryOfRanks(Llama8B(row["sequence"], 1));
    ASSERT_TRUE(one.ok()) << one.status();
    EXPECT_EQ((*one)[0].parameters, 8030261248);
    ExpectFigure((*one)[0], row["one"]);
    const auto eight = MemoryOfRanks(Llama8B(row["sequence"], 8));
    ASSERT_TRUE(eight.ok()) << eight.status();
    EXPECT_EQ((*eight)[0].parameters, row["pp8"]["params"]);
    ExpectFigure((*eight)[0], row["pp8"]);
  }
}

TEST(ModelMemoryTest, KeepsEveryLayerAndParameter) {
  for (const int64_t pipeline : {1, 3, 5, 7, 32}) {
    const MemoryRun run = Llama8B(1024, pipeline);
    const auto ranks = MemoryOfRanks(run);
    ASSERT_TRUE(ranks.ok()) << ranks.status();
    int64_t layers = 0;
    int64_t parameters = 0;
    for (const ModelRankMemory& rank : *ranks) {
      layers += rank.layers;
      parameters += rank.parameters;
    }
    EXPECT_EQ(layers, 32);
    EXPECT_EQ(parameters, ModelParameters(run.model));
  }
}

TEST(ModelMemoryTest, InterleavingKeepsMoreOnTheFirstRank) {
  MemoryRun run = Llama8B(1024, 8);
  run.microbatches = 32;
  const double plain = (*MemoryOfRanks(run))[0].activations;
  run.stages_per_rank = 4;
  EXPECT_DOUBLE_EQ((*MemoryOfRanks(run))[0].activations,
                   plain * FirstRankShare(8, 4));
}

TEST(ModelMemoryTest, NamesWhatIsWrong) {
  MemoryRun run = Llama8B(1024, 33);
  EXPECT_EQ(std::string(MemoryOfRanks(run).status().message()),
            "pipeline: 33 x 1 stages: must be at most the 32 layers");
  run = Llama8B(0, 1);
  EXPECT_EQ(std::string(MemoryOfRanks(run).status().message()),
            "sequence: 0: must be from 1 to 16777216");
  run = Llama8B(1024, 3);
  run.stages_per_rank = 2;
  EXPECT_EQ(std::string(MemoryOfRanks(run).status().message()),
            "pipeline x stages-per-rank: 6: must divide layers, which is 32");
}

}  // namespace
}  // namespace penstock
