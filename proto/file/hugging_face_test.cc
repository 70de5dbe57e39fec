// Directories as save_pretrained writes them: whole or in shards, by
// GPT2LMHeadModel or GPT2Model, by new versions or old ones.

#include "proto/file/hugging_face.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/file/checkpoint_fixture.h"
#include "proto/file/disk.h"
#include "proto/file/hugging_face_config.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class HuggingFaceTest : public testing::Test {
 protected:
  void SetUp() override { Reset(TestModel(/*tied=*/true)); }

  // A new directory with the config, and the model's tensors in memory.
  void Reset(const Architecture& model) {
    directory_ = testing::TempDir() + "/hugging_face";
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    model_ = model;
    parameters_ = TestParameters(model_, 1);
    tensors_.clear();
    for (const TestParameter& test : parameters_) {
      tensors_.push_back(
          {test.parameter.name, test.parameter.shape, test.weight});
    }
    ASSERT_TRUE(WriteFileAtomically(directory_ + "/config.json",
                                    HuggingFaceConfigToJson(model_))
                    .ok());
  }

  void Write(const std::string& file, const std::vector<NamedTensor>& tensors) {
    const auto written =
        WriteSafetensors(directory_ + "/" + file, tensors, RealDisk());
    ASSERT_TRUE(written.ok()) << written.status();
  }

  void ExpectTheModel() {
    const auto model = HuggingFaceModel::Open(directory_);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->config(), model_);
    for (const TestParameter& test : parameters_) {
      const auto bytes = model->Find(test.parameter.name).bytes;
      ASSERT_EQ(bytes.size(), 4 * test.weight.size());
      EXPECT_EQ(std::memcmp(bytes.data(), test.weight.data(), bytes.size()), 0);
    }
    EXPECT_TRUE(model->Find("none").empty());
  }

  std::string Complaint() {
    const absl::Status status = HuggingFaceModel::Open(directory_).status();
    EXPECT_FALSE(status.ok());
    const std::string message(status.message());
    EXPECT_TRUE(message.starts_with(directory_)) << message;
    return message.substr(std::min(directory_.size(), message.size()));
  }

  std::string directory_;
  Architecture model_;
  std::vector<TestParameter> parameters_;
  std::vector<NamedTensor> tensors_;
};

TEST_F(HuggingFaceTest, ReadsOneFile) {
  for (const bool tied : {false, true}) {
    Reset(TestModel(tied));
    Write("model.safetensors", tensors_);
    ExpectTheModel();
    Reset(TestLlama(tied));
    Write("model.safetensors", tensors_);
    ExpectTheModel();
  }
}

TEST_F(HuggingFaceTest, ReadsShards) {
  Reset(TestLlama(/*tied=*/false));
  const size_t half = tensors_.size() / 2;
  Write("a.safetensors", {tensors_.begin(), tensors_.begin() + half});
  Write("b.safetensors", {tensors_.begin() + half, tensors_.end()});
  ASSERT_TRUE(WriteFileAtomically(
                  directory_ + "/model.safetensors.index.json",
                  R"({"metadata": {}, "weight_map": {"x": "a.safetensors",)"
                  R"( "y": "b.safetensors", "z": "a.safetensors"}})")
                  .ok());
  ExpectTheModel();
}

TEST_F(HuggingFaceTest, ReadsNamesWithoutThePrefix) {
  for (NamedTensor& tensor : tensors_) {
    tensor.name = tensor.name.substr(std::strlen("transformer."));
  }
  Write("model.safetensors", tensors_);
  ExpectTheModel();
  Reset(TestLlama(/*tied=*/true));
  for (NamedTensor& tensor : tensors_) {
    tensor.name = tensor.name.substr(std::strlen("model."));
  }
  Write("model.safetensors", tensors_);
  ExpectTheModel();
}

// A safetensors file with the upper half of each value.
std::string InBFloat16(const std::vector<NamedTensor>& tensors) {
  std::string header;
  std::string data;
  for (const NamedTensor& tensor : tensors) {
    const size_t begin = data.size();
    for (const float value : tensor.values) {
      const uint32_t bits = std::bit_cast<uint32_t>(value);
      data.push_back(static_cast<char>(bits >> 16));
      data.push_back(static_cast<char>(bits >> 24));
    }
    header += fmt::format(
        R"({}"{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}})",
        header.empty() ? "" : ",", tensor.name, fmt::join(tensor.shape, ","),
        begin, data.size());
  }
  header = "{" + header + "}";
  const uint64_t size = header.size();
  std::string file(sizeof(size), '\0');
  std::memcpy(file.data(), &size, sizeof(size));
  return file + header + data;
}

TEST_F(HuggingFaceTest, WidensBFloat16) {
  for (const bool tied : {false, true}) {
    Reset(TestLlama(tied));
    ASSERT_TRUE(WriteFileAtomically(directory_ + "/model.safetensors",
                                    InBFloat16(tensors_))
                    .ok());
    const auto model = HuggingFaceModel::Open(directory_);
    ASSERT_TRUE(model.ok()) << model.status();
    for (const TestParameter& test : parameters_) {
      std::vector<float> values(test.weight.size());
      ASSERT_EQ(model->Find(test.parameter.name).count(), values.size());
      model->Find(test.parameter.name).Widen(values);
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(values[i]),
                  std::bit_cast<uint32_t>(test.weight[i]) & 0xffff0000u);
      }
    }
  }
}

TEST_F(HuggingFaceTest, IgnoresFrequenciesAndCopiesOfATiedHead) {
  Reset(TestLlama(/*tied=*/true));
  const std::vector<float> frequencies(2, 1.0f);
  tensors_.push_back(
      {"model.layers.1.self_attn.rotary_emb.inv_freq", {2}, frequencies});
  tensors_.push_back({"lm_head.weight", parameters_[0].parameter.shape,
                      parameters_[0].weight});
  Write("model.safetensors", tensors_);
  ExpectTheModel();
  tensors_.back().values = parameters_[0].exp_avg;
  Write("model.safetensors", tensors_);
  EXPECT_EQ(Complaint(),
            ": lm_head.weight differs from model.embed_tokens.weight, but "
            "config.json ties them");
}

TEST_F(HuggingFaceTest, IgnoresMasksAndCopiesOfATiedHead) {
  const std::vector<float> mask(16, 1.0f);
  tensors_.push_back({"transformer.h.0.attn.bias", {1, 1, 4, 4}, mask});
  tensors_.push_back({"h.1.attn.masked_bias", {}, {mask.data(), 1}});
  tensors_.push_back({"lm_head.weight", parameters_[0].parameter.shape,
                      parameters_[0].weight});
  Write("model.safetensors", tensors_);
  ExpectTheModel();
}

TEST_F(HuggingFaceTest, SaysWhatIsWrong) {
  EXPECT_EQ(Complaint(),
            " has neither model.safetensors nor model.safetensors.index.json; "
            "save the model with save_pretrained(..., "
            "safe_serialization=True)");
  const NamedTensor last = tensors_.back();
  tensors_.pop_back();
  Write("model.safetensors", tensors_);
  EXPECT_EQ(Complaint(), ": tensor transformer.ln_f.bias is missing");
  tensors_.push_back({"bias", last.shape, last.values});
  Write("model.safetensors", tensors_);
  EXPECT_EQ(Complaint(),
            "/model.safetensors: tensor \"bias\" is no parameter "
            "of the model in config.json");
  tensors_.back() = {last.name, {2, 4}, last.values};
  Write("model.safetensors", tensors_);
  EXPECT_EQ(Complaint(),
            "/model.safetensors: tensor "
            "\"transformer.ln_f.bias\" has the shape [2, 4], "
            "expected [8]");
  tensors_.back() = last;
  tensors_.push_back({"ln_f.bias", last.shape, last.values});
  Write("model.safetensors", tensors_);
  EXPECT_EQ(Complaint(),
            "/model.safetensors: tensor \"transformer.ln_f.bias\" twice");
  tensors_.back() = {"lm_head.weight", parameters_[0].parameter.shape,
                     parameters_[0].exp_avg};
  Write("model.safetensors", tensors_);
  EXPECT_EQ(Complaint(),
            ": lm_head.weight differs from transformer.wte.weight, but "
            "config.json ties them");
}

TEST_F(HuggingFaceTest, RefusesFilesOutsideOfTheDirectory) {
  ASSERT_TRUE(
      WriteFileAtomically(directory_ + "/model.safetensors.index.json",
                          R"({"weight_map": {"x": "../a.safetensors"}})")
          .ok());
  EXPECT_EQ(Complaint(),
            "/model.safetensors.index.json: tensor \"x\": "
            "\"../a.safetensors\" is not a plain file name");
}

TEST_F(HuggingFaceTest, NamesTheConfigThatIsMissing) {
  fs::remove(directory_ + "/config.json");
  EXPECT_EQ(Complaint(), "/config.json: No such file or directory");
}

}  // namespace
}  // namespace penstock
