#include "coordinator/cli/data_command.h"

#include <filesystem>
#include <string>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/fake_jobs.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

class DataCommandTest : public testing::Test {
 protected:
  std::string Text(const std::string& name, std::string_view content) {
    const std::string path = testing::TempDir() + "/" + name;
    EXPECT_TRUE(WriteFileAtomically(path, content).ok());
    return path;
  }

  const std::string output_ = testing::TempDir() + "/t.bin";
};

TEST_F(DataCommandTest, PreparesTexts) {
  const CliResult result = RunForTest(
      {"data", "prepare", Text("a", "Hi"), Text("b", "!"), "-o", output_});
  EXPECT_EQ(result.exit_code, kExitOk) << result.err;
  EXPECT_EQ(result.out, output_ +
                            ": 4 tokens, 2 documents; train with dtype uint16 "
                            "and vocabulary 256\n");
  EXPECT_EQ(ReadFile(output_).value(), std::string("H\0i\0\0\0!\0", 8));
}

TEST_F(DataCommandTest, NamesTheTextThatIsWrong) {
  const std::string text = Text("nul", std::string_view("a\0", 2));
  const CliResult result = RunForTest({"data", "prepare", text, "-o", output_});
  EXPECT_EQ(result.exit_code, kExitUsage);
  EXPECT_EQ(result.err,
            "penstock: text " + text +
                " has a NUL byte at offset 1, which separates documents; is it "
                "text in UTF-8?\n");
  EXPECT_EQ(RunForTest({"data", "prepare", "/none", "-o", output_}).exit_code,
            kExitNotFound);
  EXPECT_EQ(RunForTest({"data", "prepare", text}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace penstock
