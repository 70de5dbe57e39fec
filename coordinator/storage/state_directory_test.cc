#include "coordinator/storage/state_directory.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

class StateDirectoryTest : public testing::Test {
 protected:
  StateDirectoryTest() {
    std::string pattern = testing::TempDir() + "state_XXXXXX";
    parent_ = mkdtemp(pattern.data());
  }
  ~StateDirectoryTest() override { std::filesystem::remove_all(parent_); }

  std::string parent_;
};

TEST_F(StateDirectoryTest, CreatesAPrivateDirectory) {
  const absl::StatusOr<StateDirectory> directory =
      StateDirectory::Open(parent_ + "/a/b");
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ(directory->path(), parent_ + "/a/b");
  EXPECT_EQ(std::filesystem::status(directory->path()).permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(StateDirectoryTest, RefusesASecondHolderAndNamesTheFirst) {
  const absl::StatusOr<StateDirectory> first = StateDirectory::Open(parent_);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<StateDirectory> second = StateDirectory::Open(parent_);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(second.status().message()),
            fmt::format("state directory {}: process {} is using it; stop "
                        "that one or choose another directory",
                        parent_, getpid()));
}

TEST_F(StateDirectoryTest, CanBeOpenedAgainOnceReleased) {
  ASSERT_TRUE(StateDirectory::Open(parent_).ok());
  EXPECT_TRUE(StateDirectory::Open(parent_).ok());
}

TEST_F(StateDirectoryTest, RefusesAPathThatIsAFile) {
  EXPECT_FALSE(StateDirectory::Open("/dev/null/state").ok());
}

}  // namespace
}  // namespace penstock
