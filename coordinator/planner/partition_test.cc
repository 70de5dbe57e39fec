#include "coordinator/planner/partition.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

// Each unit takes sizes[stage][unit] of the stage's capacity.
class SumLimit : public StageLimit {
 public:
  SumLimit(std::vector<std::vector<int64_t>> sizes,
           std::vector<int64_t> capacities)
      : sizes_(std::move(sizes)), capacities_(std::move(capacities)) {}

  void Begin(int stage) override {
    stage_ = stage;
    sum_ = 0;
  }
  bool Add(int64_t unit) override {
    sum_ += sizes_[stage_][unit];
    return sum_ <= capacities_[stage_];
  }

 private:
  const std::vector<std::vector<int64_t>> sizes_;
  const std::vector<int64_t> capacities_;
  int stage_ = 0;
  int64_t sum_ = 0;
};

class NoLimit : public StageLimit {
 public:
  void Begin(int) override {}
  bool Add(int64_t) override { return true; }
};

std::vector<int64_t> Sizes(const std::vector<int64_t>& cuts) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    sizes.push_back(cuts[i + 1] - cuts[i]);
  }
  return sizes;
}

std::vector<int64_t> SizesWithoutLimit(const PartitionProblem& problem) {
  NoLimit limit;
  const auto cuts = Partition(problem, limit);
  EXPECT_TRUE(cuts.ok()) << cuts.status();
  return Sizes(cuts.value());
}

PartitionProblem Even(int units, int stages) {
  return {.costs = std::vector<double>(units, 1),
          .speeds = std::vector<double>(stages, 1)};
}

// The time of the slowest stage; checks that the cuts are a partition in which
// every stage is within `limit`.
double Slowest(const PartitionProblem& problem,
               const std::vector<int64_t>& cuts, StageLimit& limit) {
  EXPECT_EQ(cuts.size(), problem.speeds.size() + 1);
  EXPECT_EQ(cuts.front(), 0);
  EXPECT_EQ(cuts.back(), static_cast<int64_t>(problem.costs.size()));
  double slowest = 0;
  for (size_t stage = 0; stage + 1 < cuts.size(); ++stage) {
    EXPECT_LT(cuts[stage], cuts[stage + 1]);
    double sum = 0;
    limit.Begin(static_cast<int>(stage));
    for (int64_t unit = cuts[stage]; unit < cuts[stage + 1]; ++unit) {
      sum += problem.costs[unit];
      EXPECT_TRUE(limit.Add(unit));
    }
    slowest = std::max(slowest, sum / problem.speeds[stage]);
  }
  return slowest;
}

// The least time of the slowest stage over all partitions; infinite for none.
double BruteForce(const PartitionProblem& problem, StageLimit& limit,
                  int stage = 0, int64_t begin = 0) {
  const auto units = static_cast<int64_t>(problem.costs.size());
  const auto stages = static_cast<int>(problem.speeds.size());
  if (stage == stages) {
    return begin == units ? 0 : std::numeric_limits<double>::infinity();
  }
  double best = std::numeric_limits<double>::infinity();
  for (int64_t end = begin + 1; end <= units; ++end) {
    limit.Begin(stage);
    double sum = 0;
    bool fits = true;
    for (int64_t unit = begin; unit < end; ++unit) {
      sum += problem.costs[unit];
      fits = limit.Add(unit) && fits;
    }
    if (!fits) break;
    best = std::min(best, std::max(sum / problem.speeds[stage],
                                   BruteForce(problem, limit, stage + 1, end)));
  }
  return best;
}

nlohmann::json Golden(const std::string& name) {
  return nlohmann::json::parse(ReadFile("tests/golden/planner/" + name).value(),
                               nullptr, false);
}

TEST(PartitionTest, TwelveEqualLayersOnFourWorkersGiveThreeEach) {
  EXPECT_EQ(SizesWithoutLimit(Even(12, 4)), (std::vector<int64_t>{3, 3, 3, 3}));
}

TEST(PartitionTest, SpreadsUnitsEvenlyWhereTimeAllows) {
  EXPECT_EQ(SizesWithoutLimit(Even(10, 4)), (std::vector<int64_t>{2, 3, 2, 3}));
  // The last unit decides the time; the others still share the rest.
  PartitionProblem problem = Even(10, 3);
  problem.costs.back() = 100;
  EXPECT_EQ(SizesWithoutLimit(problem), (std::vector<int64_t>{4, 5, 1}));
  // Nothing costs anything.
  EXPECT_EQ(SizesWithoutLimit({.costs = {0, 0, 0, 0}, .speeds = {1, 1}}),
            (std::vector<int64_t>{2, 2}));
}

TEST(PartitionTest, FasterStagesGetMore) {
  EXPECT_EQ(
      SizesWithoutLimit({.costs = std::vector<double>(9, 1), .speeds = {2, 1}}),
      (std::vector<int64_t>{6, 3}));
}

TEST(PartitionTest, EqualsTheExactOptimaOfLinearPartitions) {
  const nlohmann::json cases = Golden("linear_partition.json");
  ASSERT_EQ(cases.size(), 25);
  for (const auto& test : cases) {
    SCOPED_TRACE(test.dump());
    const PartitionProblem problem{
        .costs = test["weights"],
        .speeds = std::vector<double>(test["stages"].get<int>(), 1)};
    NoLimit limit;
    const auto cuts = Partition(problem, limit);
    ASSERT_TRUE(cuts.ok()) << cuts.status();
    EXPECT_EQ(Slowest(problem, *cuts, limit), test["optimal_bottleneck"]);
  }
}

TEST(PartitionTest, EqualsTheExactOptimaUnderTheMemoryOf1F1B) {
  const nlohmann::json cases = Golden("partition_1f1b_memory.json");
  ASSERT_EQ(cases.size(), 30);
  for (const auto& test : cases) {
    SCOPED_TRACE(test.dump());
    const int stages = test["stages"];
    const int microbatches = test["microbatches"];
    const std::vector<int64_t> activations = test["act_bytes_per_microbatch"];
    std::vector<std::vector<int64_t>> sizes(stages, test["static_bytes"]);
    for (int stage = 0; stage < stages; ++stage) {
      for (size_t unit = 0; unit < activations.size(); ++unit) {
        sizes[stage][unit] +=
            std::min(microbatches, stages - stage) * activations[unit];
      }
    }
    const PartitionProblem problem{.costs = test["fwd_bwd_time"],
                                   .speeds = std::vector<double>(stages, 1)};
    SumLimit limit(sizes, std::vector<int64_t>(stages, test["capacity"]));
    const auto cuts = Partition(problem, limit);
    if (test["optimal_iteration_time"].is_null()) {
      EXPECT_EQ(cuts.status().code(), absl::StatusCode::kFailedPrecondition);
      continue;
    }
    ASSERT_TRUE(cuts.ok()) << cuts.status();
    const double sum =
        std::accumulate(problem.costs.begin(), problem.costs.end(), 0.0);
    EXPECT_EQ(sum + (microbatches - 1) * Slowest(problem, *cuts, limit),
              test["optimal_iteration_time"]);
  }
}

// Integer costs, so that sums are exact in any order.
TEST(PartitionTest, EqualsBruteForceOnRandomProblemsWithLimits) {
  int impossible = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed * 1000);
    const int units = 1 + static_cast<int>(random.Below(9));
    const int stages = 1 + static_cast<int>(random.Below(units));
    PartitionProblem problem;
    std::vector<std::vector<int64_t>> sizes(stages);
    std::vector<int64_t> capacities;
    for (int unit = 0; unit < units; ++unit) {
      problem.costs.push_back(static_cast<double>(random.Below(12)));
    }
    for (int stage = 0; stage < stages; ++stage) {
      problem.speeds.push_back(static_cast<double>(1 << random.Below(3)));
      capacities.push_back(static_cast<int64_t>(8 + random.Below(30)));
      for (int unit = 0; unit < units; ++unit) {
        sizes[stage].push_back(static_cast<int64_t>(random.Below(12)));
      }
    }
    SumLimit limit(sizes, capacities);
    const double best = BruteForce(problem, limit);
    const auto cuts = Partition(problem, limit);
    if (best == std::numeric_limits<double>::infinity()) {
      ++impossible;
      EXPECT_EQ(cuts.status().code(), absl::StatusCode::kFailedPrecondition);
      continue;
    }
    ASSERT_TRUE(cuts.ok()) << cuts.status();
    EXPECT_EQ(Slowest(problem, *cuts, limit), best);
  }
  EXPECT_GT(impossible, 100);
  EXPECT_LT(impossible, 2000);
}

TEST(PartitionTest, RefusesMoreStagesThanUnits) {
  NoLimit limit;
  EXPECT_EQ(std::string(Partition(Even(2, 3), limit).status().message()),
            "2 units cannot be cut into 3 stages");
  EXPECT_EQ(Partition(Even(2, 0), limit).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock
