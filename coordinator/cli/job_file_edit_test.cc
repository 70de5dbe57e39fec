#include "coordinator/cli/job_file_edit.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;

std::string Edited(const std::string& text) {
  return SetBatch(text, 16, 2).value();
}

TEST(JobFileEditTest, ChangesTheTwoValuesAndNothingElse) {
  EXPECT_EQ(Edited("# mine\nname: a  # b\nbatch:\n  micro_batches: 8 # m\n\n"
                   "  micro_batch_size: \"4\"\nsteps: 8\n"),
            "# mine\nname: a  # b\nbatch:\n  micro_batches: 2 # m\n\n"
            "  micro_batch_size: \"16\"\nsteps: 8\n");
  EXPECT_EQ(Edited("batch: {micro_batch_size: 4, micro_batches: 8}  # é\n"),
            "batch: {micro_batch_size: 16, micro_batches: 2}  # é\n");
  EXPECT_EQ(Edited("name: é\r\nbatch: {\"micro_batch_size\":4,\r\n "
                   "\"micro_batches\": 8}"),
            "name: é\r\nbatch: {\"micro_batch_size\":16,\r\n "
            "\"micro_batches\": 2}");
}

TEST(JobFileEditTest, AddsAFieldThatIsMissing) {
  EXPECT_EQ(Edited("batch:\n    micro_batches: 8\nsteps: 1\n"),
            "batch:\n    micro_batch_size: 16\n    micro_batches: 2\n"
            "steps: 1\n");
  EXPECT_EQ(Edited("batch: {micro_batch_size: 1}\n"),
            "batch: {micro_batches: 2, micro_batch_size: 16}\n");
  EXPECT_EQ(Edited("name: a"),
            "name: a\nbatch: {micro_batch_size: 16, micro_batches: 2}\n");
}

TEST(JobFileEditTest, EditsJobFilesInJson) {
  EXPECT_EQ(Edited(R"({"name": "a", "batch": {"micro_batches": 8}})"),
            R"({"name": "a", "batch": {"micro_batch_size": 16, )"
            R"("micro_batches": 2}})");
}

TEST(JobFileEditTest, SaysWhatToWriteWhereItCannot) {
  for (const char* text : {"batch: {}\n", "batch:\nsteps: 1\n", "{name: a}\n",
                           "batch: {micro_batch_size: ,}\n"}) {
    EXPECT_THAT(std::string(SetBatch(text, 16, 2).status().message()),
                testing::AnyOf(HasSubstr("write micro_batch_size: 16 and "
                                         "micro_batches: 2 under batch"),
                               HasSubstr("job file:1")))
        << text;
  }
  EXPECT_FALSE(SetBatch("nonsense: 1\n", 16, 2).ok());
}

}  // namespace
}  // namespace penstock
