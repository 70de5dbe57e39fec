#include "coordinator/cli/cluster_file.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::string NewDirectory(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directory(path);
  return path;
}

TEST(ClusterFileTest, GivesBackWhatWasWritten) {
  const std::string directory = NewDirectory("cluster_file");
  const std::vector<ClusterProcess> processes = {
      {"coordinator", {.pid = 7, .start_ticks = 1ull << 63}},
      {"worker-0", {.pid = 8, .start_ticks = 2}}};
  ASSERT_TRUE(WriteCluster(directory, processes).ok());
  const auto read = ReadCluster(directory);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, processes);
}

TEST(ClusterFileTest, IsEmptyWithoutAFile) {
  const auto read = ReadCluster(NewDirectory("cluster_file"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->empty());
}

// A wrong pid would be somebody else's process.
TEST(ClusterFileTest, RefusesADamagedFile) {
  const std::string directory = NewDirectory("cluster_file");
  for (const char* text :
       {"", "{", "[]", R"({"processes": 1})", R"({"processes": [1]})",
        R"({"processes": [{"name": "a", "pid": 7}]})",
        R"({"processes": [{"name": "a", "pid": -1, "start_ticks": 1}]})",
        R"({"processes": [{"name": "a", "pid": "7", "start_ticks": 1}]})"}) {
    SCOPED_TRACE(text);
    ASSERT_TRUE(WriteFileAtomically(directory + "/cluster.json", text).ok());
    const auto read = ReadCluster(directory);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(read.status().message(),
              directory +
                  "/cluster.json: not a file of penstock up; nothing was "
                  "stopped. Remove it when nothing of this cluster runs");
  }
}

TEST(ClusterFileTest, OneAtATimeHoldsTheLock) {
  const std::string directory = NewDirectory("cluster_file");
  {
    const auto lock = LockCluster(directory);
    ASSERT_TRUE(lock.ok()) << lock.status();
    EXPECT_EQ(LockCluster(directory).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(LockCluster(directory).ok());
}

}  // namespace
}  // namespace penstock
