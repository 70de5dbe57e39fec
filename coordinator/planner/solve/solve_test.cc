// Whole problems, from their text to their solution. The golden optima were
// found by trying everything; Solve must say that its own are optimal, too.
#include "coordinator/planner/solve/solve.h"

#include <string>
#include <vector>

#include "coordinator/planner/solve/problem_json.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

using nlohmann::json;

json Golden(const std::string& name, size_t rows) {
  const auto text = ReadFile("tests/golden/planner/" + name);
  EXPECT_TRUE(text.ok()) << text.status();
  json cases = json::parse(*text);
  EXPECT_EQ(cases.size(), rows);
  return cases;
}

absl::StatusOr<Solution> SolveText(const json& file) {
  const auto problem = ParseSolveProblem(file.dump());
  EXPECT_TRUE(problem.ok()) << problem.status();
  if (!problem.ok()) return problem.status();
  return Solve(*problem);
}

json LayersOf(const json& times) {
  json layers = json::array();
  for (const json& time : times) layers.push_back({{"forward_us", time}});
  return layers;
}

std::string ValueOf(const json& file) {
  const auto solution = SolveText(file);
  EXPECT_TRUE(solution.ok()) << solution.status();
  if (!solution.ok()) return "";
  EXPECT_TRUE(solution->optimal);
  EXPECT_TRUE(solution->exact);
  EXPECT_EQ(solution->gap, 0);
  return solution->value;
}

// No parameter needs gradients or moments: what is given is all there is.
const json kStatic = {{"gradient_bytes_per_parameter_byte", 0},
                      {"optimizer_bytes_per_parameter_byte", 0}};

TEST(SolveTest, CutsLinesBestForTheSlowestStage) {
  for (const json& test : Golden("linear_partition.json", 25)) {
    const json file = {{"objective", "bottleneck"},
                       {"layers", LayersOf(test["weights"])},
                       {"devices", {{{"count", test["stages"]}}}}};
    EXPECT_EQ(ValueOf(file), test["optimal_bottleneck"].dump()) << test;
  }
}

TEST(SolveTest, CutsFor1F1BUnderItsMemory) {
  for (const json& test : Golden("partition_1f1b_memory.json", 30)) {
    json layers = LayersOf(test["fwd_bwd_time"]);
    for (size_t i = 0; i < layers.size(); ++i) {
      layers[i]["parameter_bytes"] = test["static_bytes"][i];
      layers[i]["activation_bytes"] = test["act_bytes_per_microbatch"][i];
    }
    const json file = {
        {"objective", "one_f_one_b_bound"},
        {"layers", layers},
        {"devices",
         {{{"count", test["stages"]}, {"memory_bytes", test["capacity"]}}}},
        {"global_batch", test["microbatches"]},
        {"options", kStatic}};
    if (test["optimal_iteration_time"].is_null()) {
      EXPECT_EQ(SolveText(file).status().code(),
                absl::StatusCode::kFailedPrecondition);
    } else {
      EXPECT_EQ(ValueOf(file), test["optimal_iteration_time"].dump()) << test;
    }
  }
}

TEST(SolveTest, OrdersAndDropsUnequalDevices) {
  for (const json& test : Golden("heterogeneous.json", 15)) {
    json devices = json::array();
    for (const json& speed : test["speeds"]) {
      devices.push_back({{"speed", speed}});
    }
    json file = {{"objective", "bottleneck"},
                 {"layers", LayersOf(test["weights"])},
                 {"devices", devices}};
    EXPECT_EQ(ValueOf(file), test["in_order"]) << test;
    file["options"]["reorder_devices"] = true;
    EXPECT_EQ(ValueOf(file), test["permuted"]) << test;
    file["options"]["drop_devices"] = true;
    EXPECT_EQ(ValueOf(file), test["subset"]) << test;
  }
}

TEST(SolveTest, RecomputesWhatItMust) {
  for (const json& test : Golden("recompute_partition.json", 12)) {
    json layers = LayersOf(test["fwd"]);
    for (size_t i = 0; i < layers.size(); ++i) {
      layers[i]["input_gradient_us"] = test["bwd"][i];
      layers[i]["parameter_bytes"] = test["static"][i];
      layers[i]["activation_bytes"] = test["act_full"][i];
      layers[i]["activation_recomputed_bytes"] = test["act_if_recomputed"][i];
    }
    const json file = {
        {"objective", "one_f_one_b_bound"},
        {"layers", layers},
        {"devices",
         {{{"count", test["stages"]}, {"memory_bytes", test["capacity"]}}}},
        {"global_batch", test["microbatches"]},
        {"options", kStatic}};
    if (test["optimal_iteration_time"].is_null()) {
      EXPECT_EQ(SolveText(file).status().code(),
                absl::StatusCode::kFailedPrecondition);
    } else {
      EXPECT_EQ(ValueOf(file), test["optimal_iteration_time"].dump()) << test;
    }
  }
}

TEST(SolveTest, SpreadsInterleavedStages) {
  for (const json& test : Golden("interleaved_chunks.json", 10)) {
    const json file = {
        {"objective", "device_load"},
        {"layers", LayersOf(test["weights"])},
        {"devices", {{{"count", test["devices"]}}}},
        {"options", {{"stages_per_rank", {test["chunks_per_device"]}}}}};
    EXPECT_EQ(ValueOf(file), test["min_max_device_load"].dump()) << test;
  }
}

TEST(SolveTest, SolvesTheExampleOfItsPage) {
  const auto page = ReadFile("docs/plan_solve.md");
  ASSERT_TRUE(page.ok()) << page.status();
  const std::string fence = "```json\n";
  const size_t begin = page->find(fence) + fence.size();
  const auto problem =
      ParseSolveProblem(page->substr(begin, page->find("```", begin) - begin));
  ASSERT_TRUE(problem.ok()) << problem.status();
  const auto solution = Solve(*problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_GE(solution->lower_bound_us, 0.5 * solution->value_us);
  EXPECT_FALSE(solution->alternatives.empty());
  EXPECT_LE(solution->work, solution->budget + problem->budget / 100);
}

}  // namespace
}  // namespace penstock
