// What a person gets wrong in a job file, and the message that each mistake
// must give: those are an interface too.

#include "coordinator/cli/job_file.h"

#include <string>
#include <string_view>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

absl::StatusOr<v1::JobSpec> Parse(std::string_view text) {
  return ParseJobFile(text, "job.yaml", "/home/ada");
}

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<v1::JobSpec> spec = Parse(text);
  if (spec.ok()) return "(accepted)";
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(spec.status().message());
}

TEST(JobFileTest, ReadsEveryKindOfField) {
  const auto spec = Parse(R"(
name: kjv
model:
  gpt2: {layers: 8, hidden: 256, heads: 8, tied_embeddings: false}
data: {tokens: kjv.bin, dtype: uint16}
optimizer:
  adamw: {learning_rate: 1e-3, warmup_steps: 10}
parallelism: {pipeline: 2, schedule: 1f1b}
steps: 300
seed: 18446744073709551615
)");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->name(), "kjv");
  EXPECT_EQ(spec->model().gpt2().layers(), 8);
  EXPECT_TRUE(spec->model().gpt2().has_tied_embeddings());
  EXPECT_FALSE(spec->model().gpt2().tied_embeddings());
  EXPECT_EQ(spec->data().tokens(), "/home/ada/kjv.bin");
  EXPECT_DOUBLE_EQ(spec->optimizer().adamw().learning_rate(), 1e-3);
  EXPECT_EQ(spec->optimizer().adamw().warmup_steps(), 10);
  EXPECT_EQ(spec->parallelism().schedule(), "1f1b");
  EXPECT_FALSE(spec->parallelism().has_data());
  EXPECT_EQ(spec->steps(), 300);
  EXPECT_EQ(spec->seed(), 18446744073709551615u);
}

TEST(JobFileTest, MakesRelativePathsAbsoluteAndLeavesAbsoluteOnes) {
  const auto spec = Parse(R"(
model: {init_from: ../models/./gpt2}
data: {tokens: /data/kjv.bin}
checkpoint: {resume_from: run/step-50}
)");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->model().init_from(), "/home/models/gpt2");
  EXPECT_EQ(spec->data().tokens(), "/data/kjv.bin");
  EXPECT_EQ(spec->checkpoint().resume_from(), "/home/ada/run/step-50");
}

TEST(JobFileTest, ProposesTheNearestFieldForAnUnknownOne) {
  EXPECT_EQ(ErrorOf("name: a\nmodel:\n  gpt2:\n    layers: 8\n    heds: 8\n"),
            "job.yaml:5: model.gpt2.heds: unknown field; "
            "did you mean \"heads\"?");
}

TEST(JobFileTest, ListsTheFieldsWhenNoneIsNear) {
  EXPECT_EQ(ErrorOf("batch: {zzzzzz: 1}"),
            "job.yaml:1: batch.zzzzzz: unknown field; here are: "
            "micro_batch_size, micro_batches");
}

TEST(JobFileTest, NamesTheValueOfAWrongType) {
  EXPECT_EQ(ErrorOf("\n\nsteps: many\n"),
            "job.yaml:3: steps: \"many\" is not an integer");
  EXPECT_EQ(ErrorOf("steps: 1.5"),
            "job.yaml:1: steps: \"1.5\" is not an integer");
  EXPECT_EQ(ErrorOf("steps: 1e3"),
            "job.yaml:1: steps: \"1e3\" is not an integer");
  EXPECT_EQ(ErrorOf("seed: ''"), "job.yaml:1: seed: \"\" is not an integer");
  EXPECT_EQ(ErrorOf("steps: [1, 2]"),
            "job.yaml:1: steps: a list is not an integer");
  EXPECT_EQ(ErrorOf("steps:"), "job.yaml:1: steps: nothing is not an integer");
  EXPECT_EQ(ErrorOf("name: {a: b}"), "job.yaml:1: name: a map is not a string");
  EXPECT_EQ(ErrorOf("optimizer: {adamw: {beta1: .nan}}"),
            "job.yaml:1: optimizer.adamw.beta1: \".nan\" is not a number");
  EXPECT_EQ(ErrorOf("optimizer: {adamw: {beta1: inf}}"),
            "job.yaml:1: optimizer.adamw.beta1: \"inf\" is not a number");
  EXPECT_EQ(ErrorOf("model: {gpt2: {tied_embeddings: yes}}"),
            "job.yaml:1: model.gpt2.tied_embeddings: \"yes\" is not true or "
            "false");
}

TEST(JobFileTest, RefusesAScalarWhereAMapIsWanted) {
  EXPECT_EQ(ErrorOf("model: gpt2"),
            "job.yaml:1: model: \"gpt2\" is not a map of fields");
  EXPECT_EQ(ErrorOf("model:\n"),
            "job.yaml:1: model: nothing is not a map of fields");
  EXPECT_EQ(ErrorOf(""), "job.yaml:1: nothing is not a map of fields");
  EXPECT_EQ(ErrorOf("[1]"), "job.yaml:1: a list is not a map of fields");
}

TEST(JobFileTest, RefusesNumbersBeyondTheirType) {
  EXPECT_EQ(ErrorOf("steps: 99999999999999999999"),
            "job.yaml:1: steps: 99999999999999999999 is out of range; accepted "
            "are -9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(ErrorOf("seed: -1"),
            "job.yaml:1: seed: -1 is out of range; accepted are 0 to "
            "18446744073709551615");
  EXPECT_EQ(ErrorOf("optimizer: {adamw: {beta1: 1e999}}").substr(0, 57),
            "job.yaml:1: optimizer.adamw.beta1: 1e999 is out of range;");
}

TEST(JobFileTest, RefusesAFieldGivenTwice) {
  EXPECT_EQ(ErrorOf("steps: 1\nseed: 2\nsteps: 3\n"),
            "job.yaml:3: \"steps\" appears twice");
}

TEST(JobFileTest, ReadsALlama) {
  const auto spec = Parse(R"(
model:
  llama:
    layers: 2
    rope_theta: 5e5
    rope_scaling: {factor: 8, original_sequence_length: 8192}
)");
  ASSERT_TRUE(spec.ok()) << spec.status();
  const v1::LlamaSpec& llama = spec->model().llama();
  EXPECT_EQ(llama.layers(), 2);
  EXPECT_EQ(llama.rope_theta(), 5e5);
  EXPECT_EQ(llama.rope_scaling().factor(), 8);
  EXPECT_EQ(llama.rope_scaling().original_sequence_length(), 8192);
  EXPECT_FALSE(llama.has_kv_heads());
  EXPECT_EQ(ErrorOf("model: {llama: {kv_head: 2}}"),
            "job.yaml:1: model.llama.kv_head: unknown field; did you mean "
            "\"kv_heads\"?");
}

TEST(JobFileTest, RefusesTwoModels) {
  EXPECT_EQ(ErrorOf("model:\n  gpt2: {layers: 1}\n  init_from: gpt2\n"),
            "job.yaml:3: model.init_from: \"gpt2\" is given as well; choose "
            "one");
}

TEST(JobFileTest, RefusesAliases) {
  EXPECT_EQ(ErrorOf("batch: &a {micro_batches: 2}\ndata: *a\n"),
            "job.yaml:2: aliases (*name) are not accepted; repeat the value");
}

TEST(JobFileTest, RefusesDeepNesting) {
  EXPECT_EQ(ErrorOf("name: " + std::string(17, '[')).substr(0, 11),
            "job.yaml:1:");
  EXPECT_EQ(ErrorOf("name: " + std::string(16, '[') + std::string(16, ']')),
            "job.yaml:1: nested deeper than 16");
  // Deep enough to overflow the stack of a parser that does not count.
  EXPECT_NE(ErrorOf("name: " + std::string(500'000, '[')), "(accepted)");
}

TEST(JobFileTest, RefusesLargeFiles) {
  EXPECT_EQ(ErrorOf("# " + std::string(1 << 20, 'x')),
            "job.yaml: 1048578 bytes; at most 1 MiB is accepted");
}

TEST(JobFileTest, RefusesWhatIsNotYaml) {
  EXPECT_EQ(ErrorOf("steps: 1\ndata: {tokens: a\n").substr(0, 27),
            "job.yaml:3: not valid YAML:");
  EXPECT_EQ(ErrorOf("name: a\n---\nname: b\n"),
            "job.yaml: holds more than one document (---)");
  EXPECT_EQ(ErrorOf("name: a\nseed: \xff\n"), "job.yaml:2: not UTF-8 text");
  EXPECT_EQ(ErrorOf("? {a: b}\n: c\n"),
            "job.yaml:1: a key must be a plain word");
}

TEST(JobFileTest, NamesAMissingFile) {
  const auto spec = ReadJobFile("/nonexistent/job.yaml", "/");
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(spec.status().message()).find("/nonexistent/job.yaml"),
            std::string::npos);
}

void ExpectOnlySupportedFields(const Descriptor& descriptor) {
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    SCOPED_TRACE(field.full_name());
    EXPECT_FALSE(field.is_repeated());
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        ExpectOnlySupportedFields(*field.message_type());
        break;
      case FieldDescriptor::CPPTYPE_INT64:
      case FieldDescriptor::CPPTYPE_UINT64:
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_BOOL:
        break;
      default:
        EXPECT_EQ(field.type(), FieldDescriptor::TYPE_STRING);
    }
  }
}

TEST(JobFileTest, KnowsTheTypeOfEveryFieldOfAJob) {
  ExpectOnlySupportedFields(*v1::JobSpec::descriptor());
}

}  // namespace
}  // namespace penstock
