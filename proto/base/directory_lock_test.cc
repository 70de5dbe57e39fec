#include "proto/base/directory_lock.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

class DirectoryLockTest : public testing::Test {
 protected:
  DirectoryLockTest() {
    std::string pattern = testing::TempDir() + "state_XXXXXX";
    parent_ = mkdtemp(pattern.data());
  }
  ~DirectoryLockTest() override { std::filesystem::remove_all(parent_); }

  std::string parent_;
};

TEST_F(DirectoryLockTest, CreatesAPrivateDirectory) {
  const absl::StatusOr<LockedDirectory> directory =
      LockDirectory(parent_ + "/a/b");
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ(directory->path, parent_ + "/a/b");
  EXPECT_EQ(std::filesystem::status(directory->path).permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(DirectoryLockTest, RefusesASecondHolderAndNamesTheFirst) {
  const absl::StatusOr<LockedDirectory> first = LockDirectory(parent_);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<LockedDirectory> second = LockDirectory(parent_);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(second.status().message()),
            fmt::format("state directory {}: process {} is using it; stop "
                        "that one or choose another directory",
                        parent_, getpid()));
}

TEST_F(DirectoryLockTest, CanBeOpenedAgainOnceReleased) {
  ASSERT_TRUE(LockDirectory(parent_).ok());
  EXPECT_TRUE(LockDirectory(parent_).ok());
}

TEST_F(DirectoryLockTest, RefusesAPathThatIsAFile) {
  EXPECT_FALSE(LockDirectory("/dev/null/state").ok());
}

}  // namespace
}  // namespace penstock
