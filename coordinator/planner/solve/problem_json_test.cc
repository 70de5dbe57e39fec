#include "coordinator/planner/solve/problem_json.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

using nlohmann::json;

TEST(ProblemJsonTest, FillsInTheDefaults) {
  const auto problem = ParseSolveProblem(
      R"({"layers": [{"forward_us": 1.5}, {"forward_us": 2,
                      "input_gradient_us": 3, "weight_gradient_us": 4}],
          "devices": [{"name": "a", "count": 2}, {"speed": 0.5}]})");
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_EQ(problem->objective, SolveObjective::kMakespan);
  EXPECT_EQ(problem->layers[0].times.at(1), (LayerTimes{1500, 0, 0}));
  EXPECT_EQ(problem->layers[1].times.at(1), (LayerTimes{2000, 3000, 4000}));
  ASSERT_EQ(problem->devices.size(), 3);
  EXPECT_EQ(problem->devices[1].name, "a-1");
  EXPECT_EQ(problem->devices[2].speed_millionths, 500000);
  EXPECT_EQ(problem->micro_batch_sizes, std::vector<int64_t>{1});
  EXPECT_EQ(problem->budget, kSolveBudget);
}

TEST(ProblemJsonTest, TakesTheMicroBatchSizesThatAllLayersHave) {
  const auto problem = ParseSolveProblem(
      R"({"layers": [
            {"times": [{"micro_batch_size": 1, "forward_us": 1},
                       {"micro_batch_size": 4, "forward_us": 3}]},
            {"times": [{"micro_batch_size": 4, "forward_us": 5}]}],
          "devices": [{}]})");
  ASSERT_TRUE(problem.ok()) << problem.status();
  EXPECT_EQ(problem->micro_batch_sizes, std::vector<int64_t>{4});
}

// A file that is right, with one change.
json With(const std::string& pointer, const json& value) {
  json file = {{"layers", {{{"forward_us", 1}}}},
               {"devices", {{{"memory_bytes", 10}}}}};
  file[json::json_pointer(pointer)] = value;
  return file;
}

TEST(ProblemJsonTest, NamesFieldValueAndWhatIsAccepted) {
  const std::vector<std::pair<json, std::string>> cases = {
      {With("/layer", 1), "\"layer\": unknown field; did you mean layers?"},
      {With("/layers", json::array()),
       "layers: 0 entries: must be an array of 1 to 512 entries"},
      {With("/layers/0/forward_us", "x"),
       "layers[0].forward_us: \"x\": must be a number from 0 to 1000000000"},
      {With("/layers/0/forward_us", -1),
       "layers[0].forward_us: -1: must be a number from 0 to 1000000000"},
      {With("/layers/0", json::object()),
       "layers[0].forward_us: missing: must be a number from 0 to 1000000000"},
      {With("/layers/0/parameter_bytes", 1.5),
       "layers[0].parameter_bytes: 1.5: must be a whole number from 0 to "
       "1099511627776"},
      {With("/layers/0/activation_recomputed_bytes", 1),
       "layers[0].activation_recomputed_bytes: 1: must be a whole number from "
       "0 to 0"},
      {With("/devices/0/count", 513),
       "devices[0].count: 513: must be a whole number from 1 to 512"},
      {With("/devices/0/speed", 0),
       "devices[0].speed: 0: must be a number from 1e-06 to 1000000"},
      {With("/links/between/0/devices", {0, 1}),
       "links.between[0].devices[1]: 1: must be a whole number from 0 to 0"},
      {With("/objective", "fast"),
       "objective: \"fast\": must be one of bottleneck, device_load, makespan, "
       "one_f_one_b_bound"},
      {With("/global_batch", 0),
       "global_batch: 0: must be a whole number from 1 to 1048576"},
      {With("/options/micro_batch_sizes", {2}),
       "options.micro_batch_sizes: 2: must be a size for which every layer has "
       "times: 1"},
      {With("/options/data_widths", {1, 1}),
       "options.data_widths[1]: 1: must be different from those before"},
      {With("/options/drop_devices", 1),
       "options.drop_devices: 1: must be true or false"},
      {With("/options/budgets", 1),
       "options.\"budgets\": unknown field; did you mean budget?"},
  };
  for (const auto& [file, message] : cases) {
    const auto problem = ParseSolveProblem(file.dump());
    EXPECT_EQ(problem.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(problem.status().message()), message);
  }
}

TEST(ProblemJsonTest, RefusesWhatIsNotJson) {
  for (const char* text : {"", "[", "[]", "1", "{\"layers\": 1e999}"}) {
    EXPECT_EQ(ParseSolveProblem(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

}  // namespace
}  // namespace penstock
