#include "coordinator/storage/job_record_proto.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

JobRecord Record() {
  JobRecord record;
  record.spec.name = "kjv";
  record.spec.model.architecture = SimModel{.layers = 4,
                                            .forward_us = 1,
                                            .input_gradient_us = 2,
                                            .weight_gradient_us = 3};
  record.spec.parallelism.pipeline = 1;
  record.spec.steps = 300;
  record.state = JobState::kRecovering;
  record.reason = "worker w1 was lost";
  record.submit_time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  record.transition_time = record.submit_time + absl::Nanoseconds(1);
  record.revision = 7;
  record.queue_number = 8;
  record.epoch = 9;
  record.step = 10;
  record.checkpoint = {.step = 5, .checkpoint = "/c/step-00000005"};
  record.pause_requested = true;
  record.recoveries = 2;
  record.recoveries_without_progress = 1;
  record.last_failure = "lost";
  record.memory_bytes = 1 << 30;
  record.places = {{.worker = "w1", .incarnation = ~uint64_t{0}, .device = 3}};
  record.revisions = {{.epoch = 9,
                       .revision = 1,
                       .step = 6,
                       .time = record.submit_time,
                       .schedule_before = "1f1b",
                       .schedule = "zb-h1",
                       .reason = "faster",
                       .measured = absl::Milliseconds(3),
                       .predicted = absl::Milliseconds(2)}};
  record.requests = {{.id = "r", .call = "submit", .time = record.submit_time}};
  return record;
}

TEST(JobRecordProtoTest, GivesBackWhatWasWritten) {
  const JobRecord record = Record();
  const absl::StatusOr<JobRecord> read =
      ParseJobRecord("kjv", SerializeJobRecord(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->state, JobState::kRecovering);
  EXPECT_EQ(read->submit_time, record.submit_time);
  EXPECT_EQ(read->transition_time, record.transition_time);
  EXPECT_EQ(read->places, record.places);
  EXPECT_EQ(read->revisions, record.revisions);
  EXPECT_EQ(read->plan, nullptr);
  // What was read says in writing what the first one said: every field.
  EXPECT_EQ(SerializeJobRecord(*read), SerializeJobRecord(record));
}

TEST(JobRecordProtoTest, KeepsTheArchitectureOfAModelThatIsRead) {
  JobRecord record = Record();
  const Gpt2Config config = {.layers = 2,
                             .hidden = 16,
                             .heads = 2,
                             .sequence_length = 8,
                             .vocabulary = 256,
                             .tied_embeddings = false};
  record.spec.model = {.architecture = config, .init_from = "/models/gpt2"};
  record.spec.data.tokens = "/data/kjv.bin";
  const absl::StatusOr<JobRecord> read =
      ParseJobRecord("kjv", SerializeJobRecord(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::get<Gpt2Config>(
                std::get<Architecture>(read->spec.model.architecture)),
            config);
  EXPECT_EQ(read->spec.model.init_from, "/models/gpt2");
}

TEST(JobRecordProtoTest, KeepsTheArchitectureOfALlamaThatIsRead) {
  JobRecord record = Record();
  const LlamaConfig config = {.layers = 2,
                              .hidden = 16,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = 8,
                              .intermediate = 40,
                              .sequence_length = 8,
                              .vocabulary = 256,
                              .rope_scaling = RopeScaling{8, 1, 4, 8192}};
  record.spec.model = {.architecture = config, .init_from = "/models/llama"};
  record.spec.data.tokens = "/data/kjv.bin";
  const absl::StatusOr<JobRecord> read =
      ParseJobRecord("kjv", SerializeJobRecord(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::get<Architecture>(read->spec.model.architecture),
            Architecture(config));
}

TEST(JobRecordProtoTest, KeepsEveryState) {
  for (int i = 0; i <= static_cast<int>(JobState::kCancelled); ++i) {
    JobRecord record = Record();
    record.state = static_cast<JobState>(i);
    EXPECT_EQ(v1::JobState_Name(JobStateToProto(record.state)),
              "JOB_STATE_" + ToString(record.state));
    const auto read = ParseJobRecord("kjv", SerializeJobRecord(record));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->state, record.state);
  }
}

TEST(JobRecordProtoTest, RefusesWhatIsNoRecordAndNamesTheJob) {
  const std::string whole = SerializeJobRecord(Record());
  for (const std::string& bytes :
       {std::string("\xff\xff"), whole.substr(0, whole.size() / 2)}) {
    const absl::Status status = ParseJobRecord("kjv", bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(std::string(status.message()).find("journal: job 'kjv': "), 0);
  }
}

}  // namespace
}  // namespace penstock
