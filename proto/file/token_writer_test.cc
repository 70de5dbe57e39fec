#include "proto/file/token_writer.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/token_file.h"

namespace penstock {
namespace {

class TokenWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/prepare";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }

  std::string Text(const std::string& name, std::string_view content) {
    EXPECT_TRUE(WriteFileAtomically(Path(name), content).ok());
    return Path(name);
  }

  std::string Path(const std::string& name) { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(TokenWriterTest, WritesBytesWithASeparatorBetweenDocuments) {
  const auto prepared = PrepareTokens({Text("a", "Hi"), Text("b", "\xc3\xa4")},
                                      Path("t.bin"), RealDisk());
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->tokens, 5);
  EXPECT_EQ(prepared->documents, 2);
  EXPECT_EQ(ReadFile(Path("t.bin")).value(),
            std::string("H\0i\0\0\0\xc3\0\xa4\0", 10));
  EXPECT_TRUE(TokenFile::Open(Path("t.bin"), "auto", 256).ok());
}

TEST_F(TokenWriterTest, WritesTextsLongerThanABlock) {
  std::string text((1 << 20) + 3, 'x');
  text.back() = 'y';
  ASSERT_TRUE(PrepareTokens({Text("a", text)}, Path("t.bin"), RealDisk()).ok());
  const auto file = TokenFile::Open(Path("t.bin"), "auto", 256);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->count(), static_cast<int64_t>(text.size()));
  std::vector<int32_t> last(2);
  file->Read(file->count() - 2, last);
  EXPECT_EQ(last, (std::vector<int32_t>{'x', 'y'}));
}

TEST_F(TokenWriterTest, RefusesWhatIsNotTextAndKeepsTheOldOutput) {
  const std::string output = Text("t.bin", "old.");
  const auto complain = [&](const std::vector<std::string>& texts) {
    const absl::Status status =
        PrepareTokens(texts, output, RealDisk()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(complain({Text("nul", std::string_view("ab\0c", 4))}),
            "text " + Path("nul") +
                " has a NUL byte at offset 2, which separates documents; is it "
                "text in UTF-8?");
  EXPECT_EQ(complain({Text("empty", "")}),
            "text " + Path("empty") + " is empty");
  EXPECT_EQ(complain({}), "no text; name at least one file");
  EXPECT_EQ(complain({output}), output + " is both text and output");
  EXPECT_EQ(PrepareTokens({Path("none")}, output, RealDisk()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(output).value(), "old.");
  EXPECT_FALSE(std::filesystem::exists(output + ".tmp"));
}

}  // namespace
}  // namespace penstock
