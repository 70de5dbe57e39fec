#include "proto/base/file.h"

#include <cerrno>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

std::string TestPath(const std::string& name) {
  return testing::TempDir() + "/" + name;
}

TEST(FileTest, ReadsBackWhatWasWrittenAtomically) {
  const std::string path = TestPath("a");
  ASSERT_TRUE(WriteFileAtomically(path, "first").ok());
  ASSERT_TRUE(WriteFileAtomically(path, "second").ok());
  EXPECT_EQ(ReadFile(path).value(), "second");
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  const auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->bytes().size(), 6);
}

TEST(FileTest, TellsMissingFromTooLargeFromNotAFile) {
  EXPECT_EQ(ReadFile(TestPath("none")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(testing::TempDir()).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(WriteFileAtomically(TestPath("b"), "12345").ok());
  EXPECT_EQ(ReadFile(TestPath("b"), 4).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FileTest, ReportsAFullDisk) {
  EXPECT_EQ(WriteFileAtomically("/dev/full/x", "1").code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "/x").code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace penstock
