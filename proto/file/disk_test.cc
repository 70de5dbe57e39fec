#include "proto/file/disk.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

class DiskTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = testing::TempDir() + "/disk";
    ASSERT_TRUE(disk_.Remove(base_).ok());
    ASSERT_TRUE(disk_.MakeDirectory(base_ + "/a").ok());
  }

  Disk& disk_ = RealDisk();
  std::string base_;
};

TEST_F(DiskTest, ExchangesDirectories) {
  ASSERT_TRUE(disk_.MakeDirectory(base_ + "/b").ok());
  ASSERT_TRUE(WriteFileAtomically(base_ + "/a/x", "new").ok());
  ASSERT_TRUE(WriteFileAtomically(base_ + "/b/x", "old").ok());
  ASSERT_TRUE(disk_.Rename(base_ + "/a", base_ + "/b").ok());
  EXPECT_EQ(ReadFile(base_ + "/b/x").value(), "new");
  EXPECT_EQ(ReadFile(base_ + "/a/x").value(), "old");
}

TEST_F(DiskTest, RenamesToAFreeName) {
  ASSERT_TRUE(disk_.Rename(base_ + "/a", base_ + "/c").ok());
  EXPECT_TRUE(std::filesystem::exists(base_ + "/c"));
  EXPECT_FALSE(std::filesystem::exists(base_ + "/a"));
  EXPECT_EQ(disk_.Rename(base_ + "/none", base_ + "/d").code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DiskTest, WritesAndRemoves) {
  const std::string path = base_ + "/a/x";
  auto file = disk_.Create(path);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::byte byte{65};
  EXPECT_TRUE(disk_.Write(*file, std::span(&byte, 1), path).ok());
  EXPECT_TRUE(disk_.Sync(*file, path).ok());
  EXPECT_TRUE(disk_.SyncDirectory(base_ + "/a").ok());
  EXPECT_EQ(ReadFile(path).value(), "A");
  EXPECT_TRUE(disk_.Remove(base_ + "/a").ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(disk_.Remove(base_ + "/a").ok());
}

TEST_F(DiskTest, SaysThatTheDiskIsFull) {
  auto file = disk_.Create("/dev/full");
  ASSERT_TRUE(file.ok()) << file.status();
  const std::byte byte{65};
  const absl::Status status =
      disk_.Write(*file, std::span(&byte, 1), "/dev/full");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "/dev/full: No space left on device");
}

}  // namespace
}  // namespace penstock
