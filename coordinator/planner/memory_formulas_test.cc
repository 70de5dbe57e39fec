#include "coordinator/planner/memory_formulas.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr double kGiB = 1 << 30;

json Golden(const std::string& part, size_t rows) {
  const auto text = ReadFile("tests/golden/memory/formulas.json");
  EXPECT_TRUE(text.ok()) << text.status();
  json all = json::parse(*text);
  EXPECT_EQ(all[part].size(), rows);
  return all[part];
}

ActivationShape ShapeOf(const json& row) {
  const std::vector<int64_t> shape = row["shape"];
  return {.sequence = shape[0],
          .micro_batch = shape[1],
          .hidden = shape[2],
          .heads = shape[3],
          .tensor = shape[4]};
}

const std::vector<std::pair<std::string, ActivationPolicy>> kPolicies = {
    {"no_parallel", ActivationPolicy::kNone},
    {"tp", ActivationPolicy::kTensor},
    {"tp_sp", ActivationPolicy::kTensorSequence},
    {"tp_selective", ActivationPolicy::kTensorSelective},
    {"tp_sp_selective", ActivationPolicy::kTensorSequenceSelective},
    {"full_recompute", ActivationPolicy::kFull},
    {"full_recompute_tp_sp", ActivationPolicy::kFullTensorSequence},
};

TEST(MemoryFormulasTest, ActivationsOfABlockAreThePapers) {
  for (const json& row : Golden("activations", 4)) {
    for (const auto& [name, policy] : kPolicies) {
      EXPECT_EQ(ActivationBytesPerLayer(ShapeOf(row), policy),
                row["bytes"][name].get<double>())
          << name << " " << row.dump();
    }
  }
}

TEST(MemoryFormulasTest, ActivationsOfTheFirstRankArePublishedFigure1) {
  for (const json& row : Golden("first_rank", 4)) {
    const auto gib = [&](ActivationPolicy policy) {
      return ActivationBytesPerLayer(ShapeOf(row), policy) *
             row["layers"].get<double>() *
             FirstRankShare(row["pipeline"], row["stages_per_rank"]) / kGiB;
    };
    EXPECT_DOUBLE_EQ(gib(ActivationPolicy::kTensor),
                     row["gib"]["tp_no_recompute"]);
    EXPECT_DOUBLE_EQ(gib(ActivationPolicy::kTensorSequenceSelective),
                     row["gib"]["tp_sp_selective"]);
  }
}

TEST(MemoryFormulasTest, StatesPerParameterAreThePapers) {
  for (const json& row : Golden("states", 8)) {
    const int64_t data = row["data"];
    for (int stage = 0; stage < 4; ++stage) {
      EXPECT_EQ(Sharded(kZeroPaper, stage, data).total(), row["zero"][stage]);
      EXPECT_EQ(Sharded(kUltraScale, stage, data).total(),
                row["ultra_scale"][stage]);
    }
    for (int stage = 0; stage < 2; ++stage) {
      EXPECT_EQ(Sharded(kMegatronHalf, stage, data).total(),
                row["half"][stage]);
      EXPECT_EQ(Sharded(kMegatronMixed, stage, data).total(),
                row["mixed"][stage]);
      EXPECT_EQ(Sharded(kSinglePrecision, stage, data).total(),
                row["single"][stage]);
    }
  }
  for (const json& row : Golden("zero_gb", 18)) {
    for (int stage = 1; stage <= 3; ++stage) {
      EXPECT_EQ(row["parameters"].get<double>() *
                    Sharded(kZeroPaper, stage, row["data"]).total() / 1e9,
                row["gb"][stage - 1]);
    }
  }
}

TEST(MemoryFormulasTest, InFlightIsTheSchedules) {
  for (const json& row : Golden("in_flight", 15)) {
    const int64_t p = row["p"];
    const int64_t m = row["m"];
    for (int64_t rank = 0; rank < p; ++rank) {
      EXPECT_EQ(InFlightGPipe(m), row["gpipe"][rank]);
      EXPECT_EQ(InFlight1F1B(p, rank, m), row["one_f_one_b"][rank]);
      if (!row.contains("interleaved_v2_chunks")) continue;
      EXPECT_EQ(InFlightInterleaved(p, rank, 2, m),
                row["interleaved_v2_chunks"][rank]);
      EXPECT_EQ(InFlightInterleaved(p, rank, 4, m),
                row["interleaved_v4_chunks"][rank]);
    }
  }
}

TEST(MemoryFormulasTest, LogitsAreCountedTwice) {
  for (const json& row : Golden("logits", 4)) {
    const LogitsBytes logits = LogitsOf(ShapeOf(row), row["vocabulary"]);
    EXPECT_EQ(logits.half, row["half"]);
    EXPECT_EQ(logits.single, row["single"]);
  }
}

TEST(MemoryFormulasTest, ParametersAreTheModels) {
  const TransformerShape gpt2 = {.layers = 12,
                                 .hidden = 768,
                                 .heads = 12,
                                 .kv_heads = 12,
                                 .feed_forward = 3072,
                                 .vocabulary = 50257,
                                 .positions = 1024,
                                 .tied = true};
  EXPECT_EQ(LayerParameters(gpt2), 12 * 768 * 768 + 13 * 768);
  EXPECT_EQ(ModelParameters(gpt2), 124439808);
}

}  // namespace
}  // namespace penstock
