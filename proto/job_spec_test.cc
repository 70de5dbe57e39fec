#include "proto/job_spec.h"

#include <cmath>
#include <functional>
#include <limits>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

JobSpec ValidSpec() {
  return {.name = "kjv",
          .model = {.architecture = Gpt2Config{.layers = 8,
                                               .hidden = 256,
                                               .heads = 8,
                                               .sequence_length = 256,
                                               .vocabulary = 256}},
          .data = {.tokens = "kjv.bin"},
          .batch = {.micro_batch_size = 4, .micro_batches = 8},
          .parallelism = {.pipeline = 2},
          .steps = 300};
}

Gpt2Config& Gpt2(JobSpec& spec) {
  return std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture));
}

struct Case {
  std::function<void(JobSpec&)> damage;
  std::string message;
};

void ExpectRefusals(const std::vector<Case>& cases) {
  for (const Case& test : cases) {
    JobSpec spec = ValidSpec();
    test.damage(spec);
    const absl::Status status = Validate(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(status.message()), test.message);
  }
}

TEST(JobSpecTest, AcceptsTheExample) {
  EXPECT_TRUE(Validate(ValidSpec()).ok()) << Validate(ValidSpec());
}

TEST(JobSpecTest, RefusesBadNames) {
  const std::string rule =
      "must be 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or "
      "digit";
  ExpectRefusals({
      {[](JobSpec& s) { s.name = ""; }, "name: \"\": " + rule},
      {[](JobSpec& s) { s.name = "../up"; }, "name: \"../up\": " + rule},
      {[](JobSpec& s) { s.name = "-kjv"; }, "name: \"-kjv\": " + rule},
      {[](JobSpec& s) { s.name = std::string(64, 'a'); },
       "name: \"" + std::string(64, 'a') + "\": " + rule},
  });
}

TEST(JobSpecTest, RefusesModelsOutOfRange) {
  ExpectRefusals({
      {[](JobSpec& s) { Gpt2(s).layers = -1; },
       "model.gpt2.layers: -1: must be 1 to 4096"},
      {[](JobSpec& s) { Gpt2(s).hidden = 1 << 30; },
       "model.gpt2.hidden: 1073741824: must be 1 to 65536"},
      {[](JobSpec& s) { Gpt2(s).heads = 0; },
       "model.gpt2.heads: 0: must be 1 to 1024"},
      {[](JobSpec& s) { Gpt2(s).heads = 7; },
       "model.gpt2.heads: 7: must divide model.gpt2.hidden, which is 256; 8 "
       "would do"},
      {[](JobSpec& s) { Gpt2(s).sequence_length = 0; },
       "model.gpt2.sequence_length: 0: must be 1 to 1048576"},
      {[](JobSpec& s) { Gpt2(s).vocabulary = 1; },
       "model.gpt2.vocabulary: 1: must be 2 to 1048576"},
      {[](JobSpec& s) { s.model.architecture = SimModel{}; },
       "model.sim.layers: 0: must be 1 to 4096"},
      {[](JobSpec& s) {
         s.model.architecture = SimModel{.layers = 2, .forward_us = -1};
       },
       "model.sim.forward_us: -1: must be 0 to 3600000000"},
      {[](JobSpec& s) {
         s.model.architecture = SimModel{.layers = 2, .input_gradient_us = -1};
       },
       "model.sim.input_gradient_us: -1: must be 0 to 3600000000"},
      {[](JobSpec& s) {
         s.model.architecture = SimModel{.layers = 2, .weight_gradient_us = -1};
       },
       "model.sim.weight_gradient_us: -1: must be 0 to 3600000000"},
      {[](JobSpec& s) {
         s.model.architecture = SimModel{.layers = 2, .boundary_bytes = 0};
       },
       "model.sim.boundary_bytes: 0: must be 1 to 1073741824"},
      {[](JobSpec& s) {
         s.model.architecture = SimModel{.layers = 2, .hop_us = -1};
       },
       "model.sim.hop_us: -1: must be 0 to 10000000"},
      {[](JobSpec& s) {
         s.model = {.architecture = SimModel{.layers = 2}, .init_from = "/m"};
       },
       "model.init_from: /m: a sim model has no weights to start from"},
  });
}

// Makes the model a Llama, and that one what `damage` does to it.
std::function<void(JobSpec&)> Damaged(
    const std::function<void(LlamaConfig&)>& damage) {
  return [damage](JobSpec& spec) {
    LlamaConfig llama{.layers = 2,
                      .hidden = 64,
                      .heads = 8,
                      .kv_heads = 2,
                      .head_dim = 16,
                      .intermediate = 160,
                      .sequence_length = 32,
                      .vocabulary = 256,
                      .rope_scaling = RopeScaling{8, 1, 4, 32}};
    damage(llama);
    spec.model.architecture = llama;
  };
}

TEST(JobSpecTest, RefusesLlamasOutOfRange) {
  ExpectRefusals({
      {Damaged([](LlamaConfig& c) { c.layers = 0; }),
       "model.llama.layers: 0: must be 1 to 4096"},
      {Damaged([](LlamaConfig& c) { c.hidden = 0; }),
       "model.llama.hidden: 0: must be 1 to 65536"},
      {Damaged([](LlamaConfig& c) { c.heads = 2000; }),
       "model.llama.heads: 2000: must be 1 to 1024"},
      {Damaged([](LlamaConfig& c) { c.kv_heads = 0; }),
       "model.llama.kv_heads: 0: must be 1 to 1024"},
      {Damaged([](LlamaConfig& c) { c.kv_heads = 3; }),
       "model.llama.kv_heads: 3: must divide model.llama.heads, which is 8; 2 "
       "would do"},
      {Damaged([](LlamaConfig& c) { c.head_dim = 0; }),
       "model.llama.head_dim: 0: must be 2 to 1024"},
      {Damaged([](LlamaConfig& c) { c.head_dim = 15; }),
       "model.llama.head_dim: 15: must be even, its columns turn in pairs; 16 "
       "would do"},
      {Damaged([](LlamaConfig& c) { c.intermediate = 0; }),
       "model.llama.intermediate: 0: must be 1 to 1048576"},
      {Damaged([](LlamaConfig& c) { c.sequence_length = 0; }),
       "model.llama.sequence_length: 0: must be 1 to 1048576"},
      {Damaged([](LlamaConfig& c) { c.vocabulary = 1; }),
       "model.llama.vocabulary: 1: must be 2 to 1048576"},
      {Damaged([](LlamaConfig& c) { c.rope_theta = 0; }),
       "model.llama.rope_theta: 0: must be finite and at least 1"},
      {Damaged([](LlamaConfig& c) { c.rms_norm_epsilon = 0; }),
       "model.llama.rms_norm_epsilon: 0: must be in (0, 1)"},
  });
}

TEST(JobSpecTest, RefusesRopeScalingOutOfRange) {
  ExpectRefusals({
      {Damaged([](LlamaConfig& c) { c.rope_scaling->factor = 0.5; }),
       "model.llama.rope_scaling.factor: 0.5: must be finite and at least 1"},
      {Damaged(
           [](LlamaConfig& c) { c.rope_scaling->low_frequency_factor = 0; }),
       "model.llama.rope_scaling.low_frequency_factor: 0: must be finite and "
       "above 0"},
      {Damaged(
           [](LlamaConfig& c) { c.rope_scaling->high_frequency_factor = 1; }),
       "model.llama.rope_scaling.high_frequency_factor: 1: must be finite and "
       "above low_frequency_factor"},
      {Damaged([](LlamaConfig& c) {
         c.rope_scaling->original_sequence_length = 0;
       }),
       "model.llama.rope_scaling.original_sequence_length: 0: must be 1 to "
       "1048576"},
  });
  JobSpec spec = ValidSpec();
  Damaged([](LlamaConfig&) {})(spec);
  EXPECT_TRUE(Validate(spec).ok()) << Validate(spec);
}

TEST(JobSpecTest, RefusesBadDataAndCheckpoints) {
  ExpectRefusals({
      {[](JobSpec& s) { s.data.tokens = ""; },
       "data.tokens: \"\": must be the path of a token file"},
      {[](JobSpec& s) { s.data.tokens = std::string(5000, 'x'); },
       "data.tokens: 5000 bytes: must be a path of at most 4096 bytes without "
       "NUL"},
      {[](JobSpec& s) { s.data.dtype = "uint61"; },
       "data.dtype: \"uint61\": must be one of auto, uint16, uint32; did you "
       "mean uint16?"},
      {[](JobSpec& s) { s.checkpoint.every_steps = -5; },
       "checkpoint.every_steps: -5: must be 0 to 1000000000000"},
      {[](JobSpec& s) { s.checkpoint.keep = 0; },
       "checkpoint.keep: 0: must be 1 to 1000000"},
      {[](JobSpec& s) { s.checkpoint.resume_from = std::string(1, '\0'); },
       "checkpoint.resume_from: 1 bytes: must be a path of at most 4096 bytes "
       "without NUL"},
      {[](JobSpec& s) { s.model.init_from = std::string(1, '\0'); },
       "model.init_from: 1 bytes: must be a path of at most 4096 bytes "
       "without NUL"},
      {[](JobSpec& s) { s.steps = 0; }, "steps: 0: must be 1 to 1000000000000"},
  });
}

TEST(JobSpecTest, RefusesBadOptimizers) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ExpectRefusals({
      {[](JobSpec& s) { s.optimizer.learning_rate = 0; },
       "optimizer.adamw.learning_rate: 0: must be finite and above 0"},
      {[nan](JobSpec& s) { s.optimizer.learning_rate = nan; },
       "optimizer.adamw.learning_rate: nan: must be finite and above 0"},
      {[](JobSpec& s) { s.optimizer.beta1 = 1; },
       "optimizer.adamw.beta1: 1: must be in [0, 1)"},
      {[](JobSpec& s) { s.optimizer.beta2 = -0.5; },
       "optimizer.adamw.beta2: -0.5: must be in [0, 1)"},
      {[](JobSpec& s) { s.optimizer.epsilon = 0; },
       "optimizer.adamw.epsilon: 0: must be finite and above 0"},
      {[](JobSpec& s) { s.optimizer.weight_decay = -1; },
       "optimizer.adamw.weight_decay: -1: must be finite and not below 0"},
      {[](JobSpec& s) { s.optimizer.clip_norm = -1; },
       "optimizer.adamw.clip_norm: -1: must be finite and not below 0"},
      {[](JobSpec& s) { s.optimizer.warmup_steps = -1; },
       "optimizer.adamw.warmup_steps: -1: must be 0 to 1000000000000"},
      {[](JobSpec& s) { s.optimizer.final_learning_rate = -1; },
       "optimizer.adamw.final_learning_rate: -1: must be finite and not below "
       "0"},
  });
}

TEST(JobSpecTest, RefusesBatchesAndPipelinesThatCannotBe) {
  ExpectRefusals({
      {[](JobSpec& s) { s.batch.micro_batch_size = -4; },
       "batch.micro_batch_size: -4: must be 1 to 65536"},
      {[](JobSpec& s) {
         Gpt2(s).sequence_length = 1 << 20;
         s.batch.micro_batch_size = 17;
       },
       "batch.micro_batch_size: 17: must be 1 to 16: a micro-batch has at most "
       "16777216 tokens"},
      {[](JobSpec& s) { s.batch.micro_batches = 1 << 20; },
       "batch.micro_batches: 1048576: must be 1 to 65536"},
      {[](JobSpec& s) { s.parallelism.pipeline = 0; },
       "parallelism.pipeline: 0: must be 1 to 4096"},
      {[](JobSpec& s) { s.parallelism.pipeline = 11; },
       "parallelism.pipeline: 11: must be 1 to 10, the units that the model "
       "can be cut into"},
      {[](JobSpec& s) {
         s.model.architecture = SimModel{.layers = 2};
         s.parallelism.pipeline = 3;
       },
       "parallelism.pipeline: 3: must be 1 to 2, the units that the model can "
       "be cut into"},
      {[](JobSpec& s) { s.parallelism.data = 0; },
       "parallelism.data: 0: must be 1 to 4096"},
      {[](JobSpec& s) { s.parallelism.schedule = "1f1c"; },
       fmt::format("parallelism.schedule: \"1f1c\": must be one of {}, auto; "
                   "did you mean 1f1b?",
                   fmt::join(kScheduleNames, ", "))},
      {[](JobSpec& s) { s.parallelism.schedule = "@@@"; },
       fmt::format("parallelism.schedule: \"@@@\": must be one of {}, auto",
                   fmt::join(kScheduleNames, ", "))},
      {[](JobSpec& s) { s.parallelism.slack = -1; },
       "parallelism.slack: -1: must be 0 to 4096"},
  });
}

TEST(JobSpecTest, RefusesWhatUpdatesWithoutAnAgreementCannotDo) {
  const auto with = [](const std::function<void(JobSpec&)>& damage) {
    return [damage](JobSpec& s) {
      s.parallelism.schedule = "pipedream";
      s.optimizer.clip_norm = 0;
      Gpt2(s).tied_embeddings = false;
      damage(s);
    };
  };
  JobSpec spec = ValidSpec();
  for (const char* schedule : {"pipedream", "pipedream-2bw"}) {
    with([](JobSpec&) {})(spec);
    spec.parallelism.schedule = schedule;
    EXPECT_TRUE(Validate(spec).ok()) << Validate(spec);
  }
  ExpectRefusals({
      {with([](JobSpec& s) { s.optimizer.clip_norm = 1; }),
       "optimizer.adamw.clip_norm: 1: must be 0 with schedule pipedream, whose "
       "stages update without waiting for a global norm"},
      {with([](JobSpec& s) { s.parallelism.data = 2; }),
       "parallelism.data: 2: must be 1 with schedule pipedream, whose updates "
       "are not summed over replicas"},
      {with([](JobSpec& s) { s.parallelism.optimistic_update = true; }),
       "parallelism.optimizer_step: optimistic: must be synchronized with "
       "schedule pipedream, whose updates never wait"},
      {with([](JobSpec& s) { Gpt2(s).tied_embeddings = true; }),
       "model.gpt2.tied_embeddings: true: must be false with schedule "
       "pipedream on more than one rank, whose updates are not summed over "
       "ranks"},
  });
  with([](JobSpec& s) { Gpt2(s).tied_embeddings = true; })(spec);
  spec.parallelism.pipeline = 1;
  EXPECT_TRUE(Validate(spec).ok()) << Validate(spec);
}

TEST(JobSpecTest, LeavesAnUnreadArchitectureToWhoeverReadsIt) {
  JobSpec spec = ValidSpec();
  spec.model = {.init_from = "/models/gpt2"};
  spec.parallelism.pipeline = 40;
  EXPECT_TRUE(Validate(spec).ok()) << Validate(spec);
  Gpt2(spec).layers = 8;  // Now it has been read, and is incomplete.
  EXPECT_FALSE(Validate(spec).ok());
}

TEST(JobSpecTest, ASimModelNeedsNoData) {
  JobSpec spec = ValidSpec();
  spec.model.architecture = SimModel{.layers = 8};
  spec.data = {};
  EXPECT_TRUE(Validate(spec).ok()) << Validate(spec);
}

}  // namespace
}  // namespace penstock
