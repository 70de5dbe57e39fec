#include "coordinator/cli/checkpoint_command.h"

#include <filesystem>
#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/fake_jobs.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/file.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/weight_hash.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class CheckpointCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = fs::path(testing::TempDir() + "/cli").lexically_normal().string();
    fs::remove_all(base_);
    first_ =
        WriteTestCheckpoint(base_, 1, model_, TestParameters(model_, 1), 1);
    second_ =
        WriteTestCheckpoint(base_, 20, model_, TestParameters(model_, 2), 2);
  }

  const Gpt2Config model_ = TestModel(/*tied=*/true);
  std::string base_;
  std::string first_;
  std::string second_;
};

TEST_F(CheckpointCommandTest, ListsOldestFirst) {
  const CliResult table = RunForTest({"checkpoint", "list", base_});
  EXPECT_EQ(table.exit_code, kExitOk) << table.err;
  EXPECT_TRUE(table.out.starts_with("STEP")) << table.out;
  const json list =
      json::parse(RunForTest({"checkpoint", "list", base_, "-o", "json"}).out);
  ASSERT_EQ(list.size(), 2);
  EXPECT_EQ(list[0]["path"], first_);
  EXPECT_EQ(list[0]["step"], 1);
  EXPECT_EQ(list[1]["path"], second_);
  EXPECT_GT(list[1]["bytes"], 0);
}

TEST_F(CheckpointCommandTest, TellsNoDirectoryFromNoCheckpoint) {
  const CliResult missing = RunForTest({"checkpoint", "list", base_ + "/x"});
  EXPECT_EQ(missing.exit_code, kExitNotFound);
  EXPECT_EQ(missing.err, "penstock: " + base_ +
                             "/x is no directory; name the one that holds a "
                             "job's checkpoints\n");
  const CliResult empty = RunForTest({"checkpoint", "list", first_});
  EXPECT_EQ(empty.exit_code, kExitOk);
  EXPECT_EQ(empty.err, first_ + " has no complete checkpoint\n");
  EXPECT_EQ(RunForTest({"checkpoint", "list", first_, "-o", "json"}).out,
            "[]\n");
}

TEST_F(CheckpointCommandTest, VerifiesAndNamesTheDamagedFile) {
  const CliResult good = RunForTest({"checkpoint", "verify", second_});
  EXPECT_EQ(good.exit_code, kExitOk) << good.err;
  EXPECT_TRUE(good.out.starts_with(
      second_ + ": good; job test, step 20, 84 tensors in 4 shards, "))
      << good.out;
  const std::string file = second_ + "/" + ModelShardName(1, 2);
  std::string content = ReadFile(file).value();
  content.back() = static_cast<char>(content.back() ^ 1);
  ASSERT_TRUE(WriteFileAtomically(file, content).ok());
  const CliResult damaged = RunForTest({"checkpoint", "verify", second_});
  EXPECT_NE(damaged.exit_code, kExitOk);
  EXPECT_TRUE(damaged.err.starts_with("penstock: " + file + " is damaged"))
      << damaged.err;
  EXPECT_EQ(damaged.out, "");
}

TEST_F(CheckpointCommandTest, HashesAndExportsTheSameWeights) {
  const std::string hash = HashWeights(first_).value();
  EXPECT_EQ(RunForTest({"checkpoint", "hash", first_}).out, hash + "\n");
  const std::string exported = base_ + "/hf";
  const CliResult result = RunForTest(
      {"checkpoint", "export", first_, "--format", "hf", "-o", exported});
  EXPECT_EQ(result.exit_code, kExitOk) << result.err;
  EXPECT_EQ(RunForTest({"checkpoint", "hash", exported}).out, hash + "\n");
  const CliResult again =
      RunForTest({"checkpoint", "export", first_, "-o", exported});
  EXPECT_NE(again.exit_code, kExitOk);
  EXPECT_EQ(again.err, "penstock: " + exported +
                           " exists; name a directory to be created\n");
}

TEST_F(CheckpointCommandTest, RefusesOtherFormats) {
  EXPECT_EQ(RunForTest({"checkpoint", "export", first_, "--format", "onnx",
                        "-o", base_ + "/x"})
                .exit_code,
            kExitUsage);
  EXPECT_EQ(RunForTest({"checkpoint", "hash", first_, "-o", "xml"}).exit_code,
            kExitUsage);
}

}  // namespace
}  // namespace penstock
