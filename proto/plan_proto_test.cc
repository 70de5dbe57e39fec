#include "proto/plan_proto.h"

#include <functional>
#include <limits>

#include "gtest/gtest.h"

namespace penstock {
namespace {

Plan SmallPlan() {
  Plan plan{
      .spec = {.name = "small",
               .model = {.architecture = Gpt2Config{.layers = 2,
                                                    .hidden = 8,
                                                    .heads = 2,
                                                    .sequence_length = 4,
                                                    .vocabulary = 16}},
               .data = {.tokens = "t.bin"},
               .batch = {.micro_batch_size = 3, .micro_batches = 1},
               .parallelism = {.pipeline = 2, .data = 2},
               .steps = 10},
      .stages = {{.unit_begin = 0,
                  .unit_end = 2,
                  .rank = 0,
                  .forward = absl::Microseconds(1500),
                  .input_gradient = absl::Nanoseconds(7),
                  .weight_gradient = absl::Seconds(2)},
                 {.unit_begin = 2, .unit_end = 4, .rank = 1}},
      .ranks = {{.program = ParseProgram("0F0 0SEND_F0 0RECV_B0 0B0 "
                                         "0REDUCE_GRAD 0REDUCE_TIED OPTIMIZER")
                                .value(),
                 .buffers = {{.stage = 0,
                              .activations = 1,
                              .outputs = 1,
                              .output_gradients = 1}},
                 .memory = {.weights = 1,
                            .gradients = 2,
                            .optimizer = 3,
                            .activations = 4,
                            .buffers = 5,
                            .workspace = 6,
                            .checkpoint = 7,
                            .process = 8}},
                {.program = ParseProgram("1RECV_F0 1F0 1B0 1SEND_B0 "
                                         "1REDUCE_GRAD 1REDUCE_TIED OPTIMIZER")
                                .value(),
                 .buffers = {{.stage = 1,
                              .activations = 1,
                              .inputs = 1,
                              .input_gradients = 1,
                              .deferred = 1,
                              .whole_backward = true,
                              .versions = 2}}}},
      .schedule = "gpipe",
      .schedule_reason = "the fastest of two",
      .start = {.step = 4, .checkpoint = "/c/4"},
      .checkpoint_directory = "/c",
      .bubble_fraction = 0.25,
      .step_time = absl::Milliseconds(2)};
  return plan;
}

TEST(PlanProtoTest, EveryFieldRoundTrips) {
  const internal::v1::Plan message = PlanToInternalProto(SmallPlan());
  const auto plan = PlanFromProto(message);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(PlanToInternalProto(*plan).DebugString(), message.DebugString());
  const Plan expected = SmallPlan();
  EXPECT_EQ(plan->stages[0].weight_gradient, absl::Seconds(2));
  EXPECT_EQ(plan->stages[0].input_gradient, absl::Nanoseconds(7));
  EXPECT_EQ(plan->ranks[1].program, expected.ranks[1].program);
  EXPECT_EQ(plan->ranks[1].buffers[0].deferred, 1);
  EXPECT_EQ(plan->ranks[1].buffers[0].versions, 2);
  EXPECT_EQ(plan->ranks[0].memory.total(), 36);
  EXPECT_EQ(plan->schedule, "gpipe");
  EXPECT_EQ(plan->schedule_reason, "the fastest of two");
  EXPECT_EQ(plan->start.checkpoint, "/c/4");
  EXPECT_EQ(plan->step_time, absl::Milliseconds(2));
}

TEST(PlanProtoTest, ClientsSeeWhatPeopleAsk) {
  const v1::Plan message = PlanToProto(SmallPlan());
  EXPECT_EQ(message.stages(0).description(), "embedding, block 0");
  EXPECT_EQ(message.stages(1).description(), "block 1, head");
  EXPECT_EQ(message.ranks(0).memory().total(), 36);
  EXPECT_EQ(message.tokens_per_second(), 2 * 3 * 4 / 2e-3);
  EXPECT_EQ(message.replicas(), 2);
  EXPECT_EQ(message.schedule(), "gpipe");

  Plan plan = SmallPlan();
  plan.spec.model.architecture = SimModel{.layers = 4};
  EXPECT_EQ(PlanToProto(plan).stages(0).description(), "layers 0-1");
}

TEST(PlanProtoTest, CarriesTheArchitectureOfAModelFromFiles) {
  Plan plan = SmallPlan();
  plan.spec.model.init_from = "/models/gpt2";
  internal::v1::Plan message = PlanToInternalProto(plan);
  const auto read = PlanFromProto(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec.model.architecture, plan.spec.model.architecture);
  EXPECT_EQ(read->spec.model.init_from, "/models/gpt2");

  message.clear_architecture();
  EXPECT_EQ(std::string(PlanFromProto(message).status().message()),
            "architecture: not set: must be what config.json of "
            "model.init_from says");
}

TEST(PlanProtoTest, CarriesTheArchitectureOfALlamaFromFiles) {
  Plan plan = SmallPlan();
  plan.spec.model = {.architecture = LlamaConfig{.layers = 2,
                                                 .hidden = 16,
                                                 .heads = 4,
                                                 .kv_heads = 2,
                                                 .head_dim = 4,
                                                 .intermediate = 24,
                                                 .sequence_length = 3,
                                                 .vocabulary = 8},
                     .init_from = "/models/llama"};
  const auto read = PlanFromProto(PlanToInternalProto(plan));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec.model.architecture, plan.spec.model.architecture);
}

struct Case {
  std::function<void(internal::v1::Plan&)> damage;
  std::string message;
};

TEST(PlanProtoTest, NeverTrustsTheSender) {
  const auto stage = [](internal::v1::Plan& m, int i) {
    return m.mutable_plan()->mutable_stages(i);
  };
  const auto rank = [](internal::v1::Plan& m, int i) {
    return m.mutable_plan()->mutable_ranks(i);
  };
  const Case cases[] = {
      {[](auto& m) { m.mutable_spec()->set_steps(0); },
       "steps: 0: must be 1 to 1000000000000"},
      {[](auto& m) { m.mutable_plan()->clear_stages(); },
       "plan.stages: 0: must be 2 to 4"},
      {[&](auto& m) { stage(m, 1)->set_unit_begin(1); },
       "plan.stages[1].unit_begin: 1: must be 2 to 2"},
      {[&](auto& m) { stage(m, 0)->set_unit_end(0); },
       "plan.stages[0].unit_end: 0: must be 1 to 4"},
      {[&](auto& m) { stage(m, 1)->set_unit_end(3); },
       "plan.stages[1].unit_end: 3: must be 4 to 4"},
      {[&](auto& m) { stage(m, 1)->set_rank(2); },
       "plan.stages[1].rank: 2: must be 0 to 1"},
      {[&](auto& m) { stage(m, 1)->set_rank(0); },
       "plan.ranks[1]: no stage: every rank must have one"},
      {[&](auto& m) { stage(m, 0)->mutable_forward()->set_seconds(-1); },
       "plan.stages[0].forward: -1 s 1500000 ns: must be a time that is not "
       "negative"},
      {[](auto& m) { m.mutable_plan()->mutable_ranks()->RemoveLast(); },
       "plan.ranks: 1: must be 2 to 2"},
      {[&](auto& m) { rank(m, 0)->set_program("0F0 rm"); },
       "plan.ranks[0].program: \"rm\" is not an action such as 2F0, 1SEND_F3 "
       "or 0REDUCE_GRAD"},
      {[&](auto& m) { rank(m, 0)->set_program(""); },
       "plan.ranks[0].program: actions: 0: must be 1 to 13"},
      {[&](auto& m) { rank(m, 0)->set_program("1F0"); },
       "plan.ranks[0].program: 1F0: its stage: must be one of rank 0's"},
      {[&](auto& m) { rank(m, 0)->set_program("0F1"); },
       "plan.ranks[0].program: 0F1: its micro-batch: must be below 1"},
      {[&](auto& m) { rank(m, 0)->clear_buffers(); },
       "plan.ranks[0].buffers: 0: must be 1 to 1"},
      {[&](auto& m) { rank(m, 0)->mutable_buffers(0)->set_stage(1); },
       "plan.ranks[0].buffers.stage: 1: must be each stage of the rank, in "
       "order"},
      {[&](auto& m) { rank(m, 0)->mutable_buffers(0)->set_inputs(1 << 30); },
       "plan.ranks[0].buffers: 1073741824: must be 0 to 1"},
      {[&](auto& m) { rank(m, 1)->mutable_memory()->set_weights(-1); },
       "plan.ranks[1].memory: -1: must be 0 to 576460752303423488"},
      {[](auto& m) {
         m.mutable_plan()->set_bubble_fraction(
             std::numeric_limits<double>::quiet_NaN());
       },
       "plan.bubble_fraction: nan: must be in [0, 1]"},
      {[](auto& m) { m.mutable_plan()->mutable_step_time()->set_nanos(-5); },
       "plan.step_time: 0 s -5 ns: must be a time that is not negative"},
      {[](auto& m) { m.set_start_step(11); },
       "start_step: 11: must be 0 to 10"},
      {[](auto& m) { m.set_start_checkpoint(std::string(1, '\0')); },
       "start_checkpoint: 1 bytes: must be a path of at most 4096 bytes "
       "without NUL"},
      {[](auto& m) { m.set_checkpoint_directory(std::string(5000, 'x')); },
       "checkpoint_directory: 5000 bytes: must be a path of at most 4096 bytes "
       "without NUL"},
  };
  for (const Case& test : cases) {
    internal::v1::Plan message = PlanToInternalProto(SmallPlan());
    test.damage(message);
    const absl::Status status = PlanFromProto(message).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(status.message()), test.message);
  }
}

TEST(PlanProtoTest, AssignmentsRoundTripAndAreChecked) {
  const Assignment assignment{.job = "a", .epoch = 3, .replica = 1, .rank = 2};
  EXPECT_EQ(AssignmentFromProto(AssignmentToProto(assignment)).value(),
            assignment);
  const auto refusal = [](const Assignment& damaged) {
    return std::string(
        AssignmentFromProto(AssignmentToProto(damaged)).status().message());
  };
  EXPECT_EQ(refusal({.epoch = 1}),
            "assignment.job: \"\": must be the name of a job");
  EXPECT_EQ(refusal({.job = "a"}), "assignment.epoch: 0: epochs count from 1");
  EXPECT_EQ(refusal({.job = "a", .epoch = 1, .replica = -1}),
            "assignment.replica: -1: must be 0 to 2147483647");
  EXPECT_EQ(refusal({.job = "a", .epoch = 1, .rank = -1}),
            "assignment.rank: -1: must be 0 to 2147483647");
}

TEST(PlanProtoTest, MetricsRoundTripAndAreChecked) {
  const StepMetrics metrics{.step = 1,
                            .loss = 2,
                            .grad_norm = 3,
                            .tokens_per_second = 4,
                            .bubble_fraction_measured = 5,
                            .bubble_fraction_predicted = 6,
                            .step_seconds = 7,
                            .step_seconds_predicted = 8,
                            .plan_revision = 9};
  EXPECT_EQ(StepMetricsFromProto(StepMetricsToProto(metrics)).value(), metrics);
  EXPECT_EQ(std::string(StepMetricsFromProto({}).status().message()),
            "metrics.step: 0: must be 1 to 9223372036854775807");
}

TEST(PlanProtoTest, TracesRoundTripAndAreChecked) {
  const StepTrace trace{.step = 1,
                        .replica = 2,
                        .rank = 3,
                        .revision = 7,
                        .start_us = 4,
                        .begin_us = {5, 6},
                        .end_us = {5, 9}};
  const v1::StepTrace message = StepTraceToProto(trace);
  const auto read = StepTraceFromProto(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(StepTraceToProto(*read).DebugString(), message.DebugString());
  EXPECT_EQ(read->end_us, trace.end_us);

  v1::StepTrace damaged = message;
  damaged.mutable_end_us()->RemoveLast();
  EXPECT_EQ(std::string(StepTraceFromProto(damaged).status().message()),
            "trace.end_us: 1: must be 2 to 2");
  damaged = message;
  damaged.set_end_us(1, 3);
  EXPECT_EQ(std::string(StepTraceFromProto(damaged).status().message()),
            "trace.end_us[1]: 3: must be 6 to 4294967295");
  damaged = message;
  damaged.set_rank(-1);
  EXPECT_EQ(std::string(StepTraceFromProto(damaged).status().message()),
            "trace.rank: -1: must be 0 to 2147483647");
}

}  // namespace
}  // namespace penstock
