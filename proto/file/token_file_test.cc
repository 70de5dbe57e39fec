// Files of every layout, byte by byte, and what is said about damaged ones.

#include "proto/file/token_file.h"

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

std::string LlmcHeader(int32_t magic, int32_t version, int32_t count) {
  std::vector<int32_t> header(256, 0);
  header[0] = magic;
  header[1] = version;
  header[2] = count;
  return Bytes(header);
}

// An index of sequences with these lengths, each a document.
std::string MegatronIndex(uint8_t type, int width,
                          const std::vector<int32_t>& lengths) {
  std::vector<int64_t> pointers;
  std::vector<int64_t> documents{0};
  int64_t end = 0;
  for (const int32_t length : lengths) {
    pointers.push_back(end);
    end += int64_t{length} * width;
    documents.push_back(static_cast<int64_t>(pointers.size()));
  }
  return std::string("MMIDIDX\0\0", 9) + Bytes<uint64_t>({1}) +
         Bytes<uint8_t>({type}) + Bytes<uint64_t>({lengths.size()}) +
         Bytes<uint64_t>({documents.size()}) + Bytes(lengths) +
         Bytes(pointers) + Bytes(documents);
}

class TokenFileTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/tokens";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    path_ = directory_ + "/t.bin";
  }

  absl::StatusOr<TokenFile> Open(std::string_view content,
                                 std::string_view dtype = "auto",
                                 int64_t vocabulary = 1000) {
    EXPECT_TRUE(WriteFileAtomically(path_, content).ok());
    return TokenFile::Open(path_, dtype, vocabulary);
  }

  void WriteIndex(const std::string& content) {
    ASSERT_TRUE(WriteFileAtomically(directory_ + "/t.idx", content).ok());
  }

  // The message, which must begin with the file's name, without it.
  std::string Complaint(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::string start = "token file " + path_ + ": ";
    const std::string message(status.message());
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(start.size(), message.size()));
  }

  std::string directory_;
  std::string path_;
};

std::vector<int32_t> All(const TokenFile& file) {
  std::vector<int32_t> tokens(file.count());
  file.Read(0, tokens);
  return tokens;
}

TEST_F(TokenFileTest, ReadsNanoGpt) {
  const auto file = Open(Bytes<uint16_t>({1, 2, 999}));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(All(*file), (std::vector<int32_t>{1, 2, 999}));
  std::vector<int32_t> one(1);
  file->Read(2, one);
  EXPECT_EQ(one[0], 999);
}

TEST_F(TokenFileTest, ReadsPlainUint32) {
  const auto file = Open(Bytes<uint32_t>({1, 70000}), "uint32", 70001);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(All(*file), (std::vector<int32_t>{1, 70000}));
}

TEST_F(TokenFileTest, ReadsLlmc) {
  const auto gpt2 =
      Open(LlmcHeader(20240520, 1, 3) + Bytes<uint16_t>({7, 8, 9}));
  ASSERT_TRUE(gpt2.ok()) << gpt2.status();
  EXPECT_EQ(All(*gpt2), (std::vector<int32_t>{7, 8, 9}));
  const auto llama =
      Open(LlmcHeader(20240801, 7, 2) + Bytes<uint32_t>({7, 128000}), "auto",
           128256);
  ASSERT_TRUE(llama.ok()) << llama.status();
  EXPECT_EQ(All(*llama), (std::vector<int32_t>{7, 128000}));
}

TEST_F(TokenFileTest, ReadsMegatron) {
  WriteIndex(MegatronIndex(8, 2, {2, 1}));
  const auto narrow = Open(Bytes<uint16_t>({5, 6, 7}));
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  EXPECT_EQ(All(*narrow), (std::vector<int32_t>{5, 6, 7}));
  WriteIndex(MegatronIndex(4, 4, {1, 0, 1}));
  const auto wide = Open(Bytes<int32_t>({5, 66000}), "auto", 66001);
  ASSERT_TRUE(wide.ok()) << wide.status();
  EXPECT_EQ(All(*wide), (std::vector<int32_t>{5, 66000}));
  WriteIndex(MegatronIndex(1, 1, {3}));
  const auto bytes = Open("abc");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(All(*bytes), (std::vector<int32_t>{'a', 'b', 'c'}));
}

TEST_F(TokenFileTest, SaysThatTheFileIsMissing) {
  const absl::Status status =
      TokenFile::Open(directory_ + "/none", "auto", 256).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "token file: " + directory_ + "/none: No such file or directory");
}

TEST_F(TokenFileTest, SaysThatTheFileIsTruncated) {
  EXPECT_EQ(Complaint(Open("abc").status()),
            "truncated: 3 bytes are not a whole number of tokens of 2 bytes");
  EXPECT_EQ(Complaint(Open("").status()), "has no tokens");
  EXPECT_EQ(
      Complaint(
          Open(LlmcHeader(20240520, 1, 3) + Bytes<uint16_t>({7, 8})).status()),
      "truncated or damaged: its llm.c header says 3 tokens of 2 bytes, 4 "
      "bytes follow it");
  WriteIndex(MegatronIndex(8, 2, {2, 1}));
  EXPECT_EQ(Complaint(Open(Bytes<uint16_t>({1, 2})).status()),
            "truncated: its index says 6 bytes, it has 4");
}

TEST_F(TokenFileTest, NamesTheFirstTokenOutsideOfTheVocabulary) {
  // Beyond one block of the scan.
  std::vector<uint16_t> tokens(10000, 255);
  tokens[5000] = 256;
  tokens[6000] = 900;
  EXPECT_EQ(Complaint(Open(Bytes(tokens), "auto", 256).status()),
            "token 5000 is 256, outside of the vocabulary of 256; use the "
            "tokenizer's vocabulary size, or another dtype");
  EXPECT_TRUE(Open(Bytes(tokens), "auto", 901).ok());
  // Megatron's int32 can be negative.
  WriteIndex(MegatronIndex(4, 4, {2}));
  EXPECT_EQ(Complaint(Open(Bytes<int32_t>({5, -1})).status()),
            "token 1 is 4294967295, outside of the vocabulary of 1000; use the "
            "tokenizer's vocabulary size, or another dtype");
}

TEST_F(TokenFileTest, RefusesUnknownVersionsAndTypes) {
  EXPECT_EQ(Complaint(Open(LlmcHeader(20240520, 2, 0)).status()),
            "llm.c header of version 2; versions 1 and 7 can be read");
  EXPECT_EQ(Complaint(Open(Bytes<uint16_t>({1}), "int64").status()),
            "dtype \"int64\" is unknown; auto, uint16 and uint32 can be read");
  EXPECT_EQ(Complaint(Open(LlmcHeader(20240520, 1, 1) + Bytes<uint16_t>({1}),
                           "uint32")
                          .status()),
            "its llm.c header says 2 bytes per token, dtype uint32 means 4; "
            "use auto");
  WriteIndex(MegatronIndex(7, 4, {1}));
  EXPECT_EQ(Complaint(Open(Bytes<uint32_t>({1})).status()),
            "Megatron type code 7 is no token type; uint8 (1), int32 (4) and "
            "uint16 (8) can be read");
}

// Every byte of the index is needed; the token file fits only the right one.
TEST_F(TokenFileTest, RefusesEveryTruncatedMegatronIndex) {
  const std::string index = MegatronIndex(8, 2, {2, 1});
  for (size_t size = 9; size < index.size(); ++size) {
    SCOPED_TRACE(size);
    WriteIndex(index.substr(0, size));
    Complaint(Open(Bytes<uint16_t>({5, 6, 7})).status());
  }
}

TEST_F(TokenFileTest, SurvivesEveryChangedByteOfAMegatronIndex) {
  const std::string index = MegatronIndex(8, 2, {2, 1});
  for (size_t i = 0; i < index.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string damaged = index;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      WriteIndex(damaged);
      const auto file = Open(Bytes<uint16_t>({5, 6, 7}));
      EXPECT_LE(file.ok() ? file->count() : 0, 6);
    }
  }
}

}  // namespace
}  // namespace penstock
