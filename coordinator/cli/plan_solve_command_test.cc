#include "coordinator/cli/plan_solve_command.h"

#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/fake_jobs.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"

namespace penstock {
namespace {

std::string File(std::string_view text) {
  const std::string path = testing::TempDir() + "/problem.json";
  EXPECT_TRUE(WriteFileAtomically(path, text).ok());
  return path;
}

constexpr char kEight[] = R"({
  "layers": [
    {"forward_us": 1, "input_gradient_us": 1, "weight_gradient_us": 1},
    {"forward_us": 1, "input_gradient_us": 1, "weight_gradient_us": 1},
    {"forward_us": 1, "input_gradient_us": 1, "weight_gradient_us": 1},
    {"forward_us": 1, "input_gradient_us": 1, "weight_gradient_us": 1}],
  "devices": [{"name": "box", "count": 4, "memory_bytes": 1000}],
  "global_batch": 8,
  "options": {"schedules": ["1f1b", "naive"]}})";

// Four equal stages of 3 us, eight micro-batches: (8 + 4 - 1) x 3 us.
TEST(PlanSolveCommandTest, ShowsThePlanAndItsProof) {
  const CliResult result = RunForTest({"plan", "solve", File(kEight)});
  ASSERT_EQ(result.exit_code, kExitOk) << result.err;
  for (const char* text :
       {"1f1b, 1 x 4 ranks, 8 x 1 samples", "value 33 us: optimal",
        "bubble 27.3 %", "ok  complete  all 4 layers",
        "ok  value     33 us, worked out again",
        "naive, 1 x 4 ranks, 8 x 1 samples, 96 us: 190.91 % slower"}) {
    EXPECT_NE(result.out.find(text), std::string::npos) << result.out;
  }
}

TEST(PlanSolveCommandTest, WritesJson) {
  const CliResult result =
      RunForTest({"plan", "solve", File(kEight), "-o", "json"});
  ASSERT_EQ(result.exit_code, kExitOk) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["choice"]["schedule"], "1f1b");
  EXPECT_EQ(json["value"], "33");
  EXPECT_TRUE(json["optimal"]);
  EXPECT_EQ(json["stages"].size(), 4);
  EXPECT_EQ(json["ranks"][0]["devices"][0]["name"], "box-0");
  for (const auto& check : json["certificate"]) EXPECT_TRUE(check["holds"]);
}

TEST(PlanSolveCommandTest, NamesWhatIsWrong) {
  const std::string bad = File(R"({"layers": [{"forward_us": -1}],
                                   "devices": [{}]})");
  const CliResult result = RunForTest({"plan", "solve", bad});
  EXPECT_EQ(result.exit_code, kExitUsage);
  EXPECT_EQ(result.err, "penstock: " + bad +
                            ": layers[0].forward_us: -1: must be a number from "
                            "0 to 1000000000\n");
  EXPECT_EQ(RunForTest({"plan", "solve", "/none"}).exit_code, kExitNotFound);
}

TEST(PlanSolveCommandTest, RefusesWhatFitsNowhere) {
  const CliResult result = RunForTest({"plan", "solve", File(R"({
        "layers": [{"forward_us": 1, "parameter_bytes": 100}],
        "devices": [{"memory_bytes": 399}]})")});
  EXPECT_EQ(result.exit_code, kExitNotPlaced);
  EXPECT_NE(result.err.find("rank 0 would need 400 bytes, and its device has "
                            "399"),
            std::string::npos)
      << result.err;
}

}  // namespace
}  // namespace penstock
