#include "proto/file/allowed_roots.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class AllowedRootsTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = fs::canonical(testing::TempDir()) / "allowed_roots";
    fs::remove_all(base_);
    fs::create_directories(base_ / "data/sub");
    fs::create_directories(base_ / "data-2");
    ASSERT_TRUE(WriteFileAtomically(Path("data/a.bin"), "1").ok());
    ASSERT_TRUE(WriteFileAtomically(Path("secret"), "1").ok());
    fs::create_symlink(base_ / "secret", base_ / "data/link");
    fs::create_symlink(base_ / "nowhere", base_ / "data/dangling");
    fs::create_directory_symlink(base_, base_ / "data/up");
    fs::create_symlink("loop", base_ / "data/loop");
    fs::create_symlink(base_ / "data/a.bin", base_ / "data/inside");
  }

  std::string Path(const std::string& name) { return (base_ / name).string(); }

  absl::StatusOr<std::string> Resolve(const std::string& path) {
    const auto roots = AllowedRoots::Create({Path("data")});
    EXPECT_TRUE(roots.ok()) << roots.status();
    return roots->Resolve(path);
  }

  fs::path base_;
};

TEST_F(AllowedRootsTest, AcceptsWhatLiesBelowARoot) {
  EXPECT_EQ(Resolve(Path("data/a.bin")).value(), Path("data/a.bin"));
  EXPECT_EQ(Resolve(Path("data")).value(), Path("data"));
  EXPECT_EQ(Resolve(Path("data/sub/../a.bin")).value(), Path("data/a.bin"));
  EXPECT_EQ(Resolve(Path("data//sub/./")).value(), Path("data/sub"));
  EXPECT_EQ(Resolve(Path("data/inside")).value(), Path("data/a.bin"));
}

TEST_F(AllowedRootsTest, AcceptsAPathThatDoesNotExistYet) {
  EXPECT_EQ(Resolve(Path("data/new/deep.bin")).value(),
            Path("data/new/deep.bin"));
}

TEST_F(AllowedRootsTest, RefusesEveryWayOut) {
  for (const char* name :
       {"secret", "data/../secret", "data/link", "data/dangling", "data/up",
        "data/up/secret", "data/up/new", "data/loop", "data/dangling/new",
        "data/new/../../secret", "data-2", "data-2/new", ""}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(Resolve(Path(name)).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
}

TEST_F(AllowedRootsTest, NamesThePathAndTheRoots) {
  EXPECT_EQ(
      Resolve("/etc/passwd").status().message(),
      "path /etc/passwd lies outside of the allowed roots: " + Path("data") +
          "; move the file below one of them, or start the daemon with "
          "another root");
  EXPECT_EQ(Resolve("kjv.bin").status().message(),
            "path \"kjv.bin\" is relative; give an absolute path below one of "
            "the allowed roots: " +
                Path("data"));
  EXPECT_EQ(Resolve(std::string("/a\0b", 4)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AllowedRootsTest, RefusesRootsThatAreNoDirectories) {
  EXPECT_EQ(AllowedRoots::Create({}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AllowedRoots::Create({"data"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AllowedRoots::Create({Path("secret")}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AllowedRoots::Create({Path("none")}).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace penstock
