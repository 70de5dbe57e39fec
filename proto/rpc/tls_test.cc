#include "proto/rpc/tls.h"

#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

TEST(TlsTest, RefusesHalfASet) {
  const auto contents = ReadTlsFiles({.certificate = "", .key = "key.pem"});
  EXPECT_EQ(contents.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      std::string(contents.status().message()),
      "no TLS certificate file: give certificate, key and authority, or none");
}

TEST(TlsTest, NamesAMissingFile) {
  const std::string path = testing::TempDir() + "/absent.pem";
  const auto contents = ReadTlsFiles({path, path, path});
  EXPECT_EQ(contents.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(contents.status().message()).find(path),
            std::string::npos);
}

TEST(TlsTest, RefusesWhatIsNotPem) {
  const std::string path = testing::TempDir() + "/garbage.pem";
  ASSERT_TRUE(WriteFileAtomically(path, "garbage").ok());
  const auto contents = ReadTlsFiles({path, path, path});
  EXPECT_EQ(contents.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TlsTest, ReadsAllThree) {
  const std::string path = testing::TempDir() + "/good.pem";
  ASSERT_TRUE(WriteFileAtomically(path, "-----BEGIN X-----\n").ok());
  const auto contents = ReadTlsFiles({path, path, path});
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->key, "-----BEGIN X-----\n");
}

}  // namespace
}  // namespace penstock
