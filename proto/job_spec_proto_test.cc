#include "proto/job_spec_proto.h"

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

v1::JobSpec Parse(const std::string& text) {
  v1::JobSpec message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

constexpr char kMinimal[] = R"(
  name: "kjv"
  model { gpt2 { layers: 8 hidden: 256 heads: 8 sequence_length: 256
                 vocabulary: 256 } }
  data { tokens: "kjv.bin" }
  steps: 300)";

TEST(JobSpecProtoTest, FillsInTheDocumentedDefaults) {
  const auto spec = JobSpecFromProto(Parse(kMinimal));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(
      std::get<Gpt2Config>(std::get<Architecture>(spec->model.architecture))
          .tied_embeddings);
  EXPECT_EQ(spec->data.dtype, "auto");
  EXPECT_EQ(spec->data.order, SampleOrder::kSequential);
  EXPECT_EQ(spec->optimizer.learning_rate, 3e-4);
  EXPECT_EQ(spec->optimizer.beta2, 0.95);
  EXPECT_EQ(spec->optimizer.clip_norm, 1.0);
  EXPECT_FALSE(spec->optimizer.cosine_decay);
  EXPECT_EQ(spec->batch.micro_batch_size, 1);
  EXPECT_EQ(spec->parallelism.pipeline, 1);
  EXPECT_EQ(spec->parallelism.schedule, "1f1b");
  EXPECT_EQ(spec->seed, 1234);
  EXPECT_EQ(spec->precision, Precision::kFp32);
  EXPECT_EQ(spec->checkpoint.keep, 2);
}

// With every field set to something other than its default.
constexpr char kFull[] = R"(
  name: "full"
  model { gpt2 { layers: 8 hidden: 256 heads: 8 sequence_length: 128
                 vocabulary: 512 tied_embeddings: false } }
  data { tokens: "t.bin" dtype: "uint32" order: "shuffled" }
  optimizer { adamw { learning_rate: 1e-3 beta1: 0.8 beta2: 0.9 epsilon: 1e-6
                      weight_decay: 0 clip_norm: 0 warmup_steps: 7
                      decay: "cosine" final_learning_rate: 1e-5 } }
  batch { micro_batch_size: 4 micro_batches: 8 }
  parallelism { pipeline: 3 data: 2 schedule: "gpipe" link: "nccl" }
  device: "cuda"
  attention: "fast"
  steps: 11
  seed: 0
  checkpoint { every_steps: 5 keep: 3 resume_from: "/c/1" }
  precision: "bf16")";

TEST(JobSpecProtoTest, FillsInWhatALlamaLeavesOut) {
  v1::JobSpec message = Parse(kMinimal);
  message.clear_model();
  message.MergeFrom(Parse(R"(model { llama { layers: 2 hidden: 24 heads: 4
      intermediate: 40 sequence_length: 16 vocabulary: 99 } })"));
  const auto spec = JobSpecFromProto(message);
  ASSERT_TRUE(spec.ok()) << spec.status();
  const LlamaConfig expected{.layers = 2,
                             .hidden = 24,
                             .heads = 4,
                             .kv_heads = 4,
                             .head_dim = 6,
                             .intermediate = 40,
                             .sequence_length = 16,
                             .vocabulary = 99,
                             .rope_theta = 10000,
                             .rms_norm_epsilon = 1e-6,
                             .tied_embeddings = false};
  EXPECT_EQ(std::get<Architecture>(spec->model.architecture),
            Architecture(expected));
}

TEST(JobSpecProtoTest, EveryFieldRoundTrips) {
  for (const std::string& text :
       {std::string(kFull),
        std::string(R"(name: "sim" model { sim { layers: 8 forward_us: 1
            input_gradient_us: 2 weight_gradient_us: 3
            boundary_bytes: 5 hop_us: 6
            hop_bytes_per_second: 7000 } }
            steps: 1)"),
        std::string(R"(name: "llama" model { llama { layers: 2 hidden: 24
            heads: 4 kv_heads: 2 head_dim: 8 intermediate: 40
            sequence_length: 16 vocabulary: 99 rope_theta: 5e5
            rms_norm_epsilon: 1e-5 tied_embeddings: true
            rope_scaling { factor: 8 low_frequency_factor: 1
                           high_frequency_factor: 4
                           original_sequence_length: 8192 } } }
            data { tokens: "t" } steps: 1)"),
        std::string(R"(name: "hf" model { init_from: "/m"
            sequence_length: 77 }
            data { tokens: "t" } steps: 1)")}) {
    const auto spec = JobSpecFromProto(Parse(text));
    ASSERT_TRUE(spec.ok()) << spec.status();
    const v1::JobSpec message = JobSpecToProto(*spec);
    // What was given is kept...
    v1::JobSpec merged = message;
    merged.MergeFrom(Parse(text));
    EXPECT_EQ(merged.DebugString(), message.DebugString());
    // ...and the rest is stable.
    const auto again = JobSpecFromProto(message);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(JobSpecToProto(*again).DebugString(), message.DebugString());
  }
}

TEST(JobSpecProtoTest, RefusesMissingAndUnknownWords) {
  const auto refusal = [](const std::string& more) {
    v1::JobSpec message = Parse(kMinimal);
    message.MergeFrom(Parse(more));
    const auto spec = JobSpecFromProto(message);
    EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(spec.status().message());
  };
  EXPECT_EQ(refusal(R"( data { order: "random" })"),
            "data.order: \"random\": must be sequential or shuffled");
  EXPECT_EQ(refusal(R"( optimizer { adamw { decay: "linear" } })"),
            "optimizer.adamw.decay: \"linear\": must be constant or cosine");
  EXPECT_EQ(refusal(R"( model { init_from: "" })"),
            "model: not set: must have gpt2, llama, init_from or sim");
  constexpr char kLength[] =
      ": must be at least 1, and only with model.init_from; other models have "
      "one of their own";
  EXPECT_EQ(refusal(R"( model { sequence_length: 9 })"),
            std::string("model.sequence_length: 9") + kLength);
  EXPECT_EQ(refusal(R"( model { init_from: "/m" sequence_length: 0 })"),
            std::string("model.sequence_length: 0") + kLength);
  EXPECT_EQ(refusal(R"( batch { micro_batches: 0 })"),
            "batch.micro_batches: 0: must be 1 to 65536");
}

TEST(JobSpecProtoTest, RefusesAPrecisionThatIsNoneOrThatSleepHasNot) {
  v1::JobSpec message = Parse(kMinimal);
  message.set_precision("fp8");
  EXPECT_EQ(
      JobSpecFromProto(message).status(),
      absl::InvalidArgumentError("precision: \"fp8\": must be fp32 or bf16"));
  const auto sim = Parse(R"(name: "a" model { sim { layers: 8 } }
      steps: 1 precision: "bf16")");
  EXPECT_EQ(JobSpecFromProto(sim).status().message(),
            "precision: bf16: must be fp32 with a sim model, which computes "
            "nothing; its model.sim.boundary_bytes says what is sent");
}

TEST(JobSpecProtoTest, RefusesALinkThatIsNone) {
  const absl::Status status =
      JobSpecFromProto(Parse(R"(name: "a" model { sim { layers: 8 } }
          parallelism { link: "tcp" } steps: 1)"))
          .status();
  EXPECT_EQ(status, absl::InvalidArgumentError(
                        "parallelism.link: \"tcp\": must be one of auto, grpc, "
                        "nccl"));
}

}  // namespace
}  // namespace penstock
