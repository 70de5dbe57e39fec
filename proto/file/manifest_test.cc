#include "proto/file/manifest.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

constexpr char kGolden[] = R"({
 "format": "penstock.checkpoint",
 "version": 1,
 "job": "kjv",
 "epoch": 3,
 "step": 50,
 "model": {
  "layers": 8,
  "hidden": 256,
  "heads": 8,
  "sequence_length": 128,
  "vocabulary": 257,
  "tied_embeddings": false
 },
 "data": {
  "samples": 1600,
  "order": "shuffled",
  "seed": 18446744073709551615
 },
 "shards": [
  {
   "file": "model-00000-of-00001.safetensors",
   "size": 1234,
   "xxh3": "99aa06d3014798d86001c324468d497f",
   "tensors": [
    "transformer.wte.weight",
    "lm_head.weight"
   ]
  }
 ]
}
)";

std::string Replaced(const std::string& from, const std::string& to) {
  std::string text = kGolden;
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ManifestTest, MatchesGolden) {
  const auto manifest = ManifestFromJson(kGolden);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(ManifestToJson(*manifest), kGolden);
  EXPECT_EQ(manifest->model,
            Architecture(Gpt2Config{.layers = 8,
                                    .hidden = 256,
                                    .heads = 8,
                                    .sequence_length = 128,
                                    .vocabulary = 257,
                                    .tied_embeddings = false}));
  EXPECT_EQ(manifest->seed, UINT64_MAX);
}

// A GPT-2's manifest is as it was before there were others.
TEST(ManifestTest, KeepsALlama) {
  Manifest manifest = ManifestFromJson(kGolden).value();
  LlamaConfig llama{.layers = 2,
                    .hidden = 64,
                    .heads = 8,
                    .kv_heads = 2,
                    .head_dim = 16,
                    .intermediate = 160,
                    .sequence_length = 32,
                    .vocabulary = 256,
                    .rope_theta = 500000,
                    .rms_norm_epsilon = 1e-5,
                    .tied_embeddings = true};
  for (const bool scaled : {false, true}) {
    if (scaled) llama.rope_scaling = RopeScaling{8, 1, 4, 8192};
    manifest.model = llama;
    const auto read = ManifestFromJson(ManifestToJson(manifest));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->model, Architecture(llama));
  }
}

TEST(ManifestTest, RefusesModelsItDoesNotKnow) {
  const std::string layers = "\"layers\": 8";
  EXPECT_EQ(
      ManifestFromJson(Replaced(layers, "\"architecture\": \"t5\", " + layers))
          .status()
          .message(),
      "architecture \"t5\", expected \"llama\"");
  EXPECT_EQ(ManifestFromJson(
                Replaced(layers, "\"architecture\": \"llama\", " + layers))
                .status()
                .message(),
            "field \"kv_heads\" missing");
}

TEST(ManifestTest, NamesArePartOfTheFormat) {
  EXPECT_EQ(CheckpointName(50), "step-00000050");
  EXPECT_EQ(ModelShardName(1, 12), "model-00001-of-00012.safetensors");
  EXPECT_EQ(OptimizerShardName(0, 2), "optimizer-00000-of-00002.safetensors");
  EXPECT_EQ(TemporaryCheckpointPath("/c", 7, 50),
            "/c/.step-00000050.epoch-7.tmp");
}

TEST(ManifestTest, SaysWhatIsWrong) {
  const auto complain = [](const std::string& from, const std::string& to) {
    return std::string(ManifestFromJson(Replaced(from, to)).status().message());
  };
  EXPECT_EQ(complain("\"version\": 1", "\"version\": 2"),
            "format version 2; this program reads version 1, use the one that "
            "wrote it");
  EXPECT_EQ(complain("penstock.checkpoint", "x"),
            "format \"x\", expected \"penstock.checkpoint\"");
  EXPECT_EQ(complain("\"step\": 50", "\"step\": -1"), "a negative step");
  EXPECT_EQ(complain("\"layers\": 8", "\"layers\": 99999999"),
            "field \"layers\" is 99999999, outside of 1 to 16777216");
  EXPECT_EQ(complain("\"shuffled\"", "\"sorted\""),
            "unknown data order \"sorted\"");
  EXPECT_EQ(complain("lm_head.weight", "transformer.wte.weight"),
            "tensor \"transformer.wte.weight\" twice");
  EXPECT_EQ(complain("99aa", "99AA"),
            "checksum \"99AA06d3014798d86001c324468d497f\" of "
            "model-00000-of-00001.safetensors is not 32 hexadecimal digits");
}

TEST(ManifestTest, RefusesShardsOutsideOfTheDirectory) {
  for (const char* name : {"../x", "/etc/passwd", "..", "", "a/b"}) {
    const absl::Status status =
        ManifestFromJson(Replaced("model-00000-of-00001.safetensors", name))
            .status();
    EXPECT_EQ(status.message(),
              std::string("shard \"") + name + "\" is not a plain file name");
  }
}

TEST(ManifestTest, SurvivesRandomDamage) {
  Random random(1);
  const std::string golden = kGolden;
  for (int i = 0; i < 2000; ++i) {
    std::string text = golden;
    for (int change = 0; change < 3; ++change) {
      const size_t at = random.Below(text.size());
      if (random.Below(2) == 0) {
        text[at] = "0123456789-.e{}[]\",:"[random.Below(20)];
      } else {
        text.erase(at, 1 + random.Below(20));
      }
    }
    const auto manifest = ManifestFromJson(text);
    if (manifest.ok()) {
      EXPECT_GE(manifest->step, 0);
    }
  }
}

TEST(ReadManifestTest, NamesTheFile) {
  const std::string path = testing::TempDir() + "/manifest";
  std::filesystem::remove_all(path);
  EXPECT_EQ(ReadManifest(path).status(),
            absl::NotFoundError(path + "/manifest.json does not exist, so " +
                                path + " is no complete checkpoint"));
  std::filesystem::create_directories(path);
  ASSERT_TRUE(WriteFileAtomically(path + "/manifest.json", "{").ok());
  EXPECT_EQ(
      ReadManifest(path).status(),
      absl::InvalidArgumentError(path + "/manifest.json: not JSON at byte 2"));
}

}  // namespace
}  // namespace penstock
