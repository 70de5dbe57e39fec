#include "coordinator/cli/plan_memory_command.h"

#include <string>
#include <vector>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/fake_jobs.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

CliResult PlanMemory(std::vector<std::string> more) {
  std::vector<std::string> line = {
      "plan",           "memory",     "--layers", "32",           "--hidden",
      "4096",           "--heads",    "32",       "--kv-heads",   "8",
      "--feed-forward", "14336",      "--gated",  "--vocabulary", "128256",
      "--states",       "ultra-scale"};
  line.insert(line.end(), more.begin(), more.end());
  return RunForTest(line);
}

TEST(PlanMemoryCommandTest, ShowsEveryRank) {
  const CliResult result = PlanMemory({"--pipeline", "8"});
  EXPECT_EQ(result.exit_code, kExitOk) << result.err;
  EXPECT_NE(result.out.find("\n   0       4       1.40G  2.60 GiB   2.60 GiB"
                            "   10.4 GiB          8     4.25 GiB"),
            std::string::npos)
      << result.out;
}

TEST(PlanMemoryCommandTest, WritesJson) {
  const CliResult result = PlanMemory({"-o", "json"});
  ASSERT_EQ(result.exit_code, kExitOk) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["ranks"].size(), 1);
  EXPECT_EQ(json["ranks"][0]["parameters"], 8030261248);
  EXPECT_EQ(json["ranks"][0]["activation_bytes"], 4563402752.0);
}

TEST(PlanMemoryCommandTest, NamesWhatIsWrong) {
  const CliResult result = PlanMemory({"--pipeline", "40"});
  EXPECT_EQ(result.exit_code, kExitUsage);
  EXPECT_EQ(result.err,
            "penstock: pipeline: 40 x 1 stages: must be at most the 32 "
            "layers\n");
  EXPECT_EQ(PlanMemory({"--activations", "ful"}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace penstock
