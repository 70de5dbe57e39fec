// The format byte by byte, what is said about damaged files, and thousands of
// random damages, none of which may crash or lead outside of the file.

#include "proto/file/safetensors.h"

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/random.h"
#include "proto/file/checksum.h"

namespace penstock {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A file with this header and `data` bytes of data.
std::string File(const std::string& header, size_t data) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header +
         std::string(data, '\0');
}

std::string Complaint(const std::string& file) {
  const absl::Status status = ParseSafetensors(AsBytes(file)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

// One tensor "a" with these fields.
std::string Tensor(const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape +
         R"(,"data_offsets":)" + offsets + "}}";
}

class SafetensorsTest : public testing::Test {
 protected:
  // Writes two tensors and returns the file's bytes.
  std::string Write() {
    const auto written = WriteSafetensors(path_,
                                          {{"b", {2, 2}, values_},
                                           {"a", {1}, {values_.data(), 1}},
                                           {"none", {0, 3}, {}}},
                                          RealDisk());
    EXPECT_TRUE(written.ok()) << written.status();
    const std::string bytes = ReadFile(path_).value();
    EXPECT_EQ(written->size, bytes.size());
    EXPECT_EQ(written->xxh3, ChecksumOf(AsBytes(bytes)));
    return bytes;
  }

  const std::vector<float> values_{1.0f, -2.0f, 0.5f, 4.0f};
  const std::string path_ = testing::TempDir() + "/t.safetensors";
};

// What the other side reads: the reference implementation accepts these bytes.
TEST_F(SafetensorsTest, MatchesGoldenBytes) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("a":{"data_offsets":[16,20],"dtype":"F32","shape":[1]},)"
      R"("b":{"data_offsets":[0,16],"dtype":"F32","shape":[2,2]},)"
      R"("none":{"data_offsets":[20,20],"dtype":"F32","shape":[0,3]}})";
  header.resize(256 - 8, ' ');
  EXPECT_EQ(Write(), std::string("\xf8\0\0\0\0\0\0\0", 8) + header +
                         std::string("\0\0\x80\x3f\0\0\0\xc0\0\0\0\x3f\0\0\x80"
                                     "\x40\0\0\x80\x3f",
                                     20));
}

TEST_F(SafetensorsTest, ReadsBackWhatItWrote) {
  Write();
  const auto file = SafetensorsFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->index().size(), 3);
  const auto b = file->Float32("b", {2, 2});
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(std::memcmp(b->data(), values_.data(), 16), 0);
  EXPECT_EQ(file->index().at("b").begin % 64, 0);
  EXPECT_EQ(file->Float32("none", {0, 3})->size(), 0);
}

TEST_F(SafetensorsTest, NamesFileAndTensor) {
  Write();
  const auto file = SafetensorsFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Float32("c", {1}).status(),
            absl::NotFoundError(path_ + ": tensor \"c\" is missing"));
  EXPECT_EQ(file->Float32("b", {4}).status(),
            absl::InvalidArgumentError(
                path_ + ": tensor \"b\" has the shape [2, 2], expected [4]"));
  ASSERT_TRUE(
      WriteFileAtomically(path_, File(Tensor("BF16", "[2]", "[0,4]"), 4)).ok());
  const auto half = SafetensorsFile::Open(path_);
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_EQ(half->Float32("a", {2}).status(),
            absl::UnimplementedError(
                path_ + ": tensor \"a\" is of type BF16; only F32 is read "
                        "here"));
  const auto narrow = half->Floats("a", {2});
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  EXPECT_EQ(narrow->type, FloatType::kBf16);
  EXPECT_EQ(narrow->count(), 2u);
  ASSERT_TRUE(
      WriteFileAtomically(path_, File(Tensor("I16", "[2]", "[0,4]"), 4)).ok());
  const auto whole = SafetensorsFile::Open(path_);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->Floats("a", {2}).status(),
            absl::UnimplementedError(
                path_ + ": tensor \"a\" is of type I16; convert it to F32, "
                        "F16 or BF16, which are read"));
  ASSERT_TRUE(WriteFileAtomically(path_, "x").ok());
  EXPECT_EQ(SafetensorsFile::Open(path_).status().message(),
            path_ +
                ": not a safetensors file: 1 bytes, the header's length "
                "takes 8");
}

TEST_F(SafetensorsTest, RefusesToWriteWhatDoesNotFit) {
  EXPECT_EQ(WriteSafetensors(path_, {{"a", {3}, values_}}, RealDisk())
                .status()
                .message(),
            "tensor \"a\": shape [3] does not fit 4 values");
  EXPECT_EQ(WriteSafetensors(path_, {{"a", {4}, values_}, {"a", {4}, values_}},
                             RealDisk())
                .status()
                .message(),
            "tensor \"a\": this name twice");
}

TEST(ParseSafetensorsTest, RefusesALengthBeyondTheFile) {
  EXPECT_EQ(Complaint(std::string("\x09\0\0\0\0\0\0\0{}", 10)),
            "truncated or damaged: a header of 9 bytes in a file of 10 bytes");
  EXPECT_EQ(Complaint(std::string(8, '\xff') + "{}"),
            "not a safetensors file: a header of 18446744073709551615 bytes; "
            "at most 100000000 are read");
}

TEST(ParseSafetensorsTest, RefusesOverlapsAndHoles) {
  const std::string a = R"({"a":{"dtype":"U8","shape":[4],)"
                        R"("data_offsets":[0,4]},)";
  const std::string b = R"("b":{"dtype":"U8","shape":[4],"data_offsets":)";
  EXPECT_TRUE(ParseSafetensors(AsBytes(File(a + b + "[4,8]}}", 8))).ok());
  EXPECT_EQ(Complaint(File(a + b + "[3,7]}}", 8)),
            "tensor \"b\": overlaps another");
  EXPECT_EQ(Complaint(File(a + b + "[0,4]}}", 8)),
            "tensor \"b\": overlaps another");
  EXPECT_EQ(Complaint(File(a + b + "[5,9]}}", 9)),
            "tensor \"b\": unused bytes before it");
  EXPECT_EQ(Complaint(File(a + b + "[4,8]}}", 9)),
            "1 bytes after the last tensor");
}

TEST(ParseSafetensorsTest, RefusesTensorsThatDoNotFitTheirBytes) {
  EXPECT_EQ(Complaint(File(Tensor("F32", "[3]", "[0,8]"), 8)),
            "tensor \"a\": shape [3] of F32 does not fit its 8 bytes");
  EXPECT_EQ(Complaint(File(Tensor("F32", "[2]", "[0,8]"), 4)),
            "tensor \"a\": bytes [0, 8) lie beyond the file's 4 bytes of data");
  EXPECT_EQ(
      Complaint(File(Tensor("U8", "[4294967296,4294967296]", "[0,0]"), 0)),
      "tensor \"a\": shape [4294967296, 4294967296] of U8 does not fit its 0 "
      "bytes");
  EXPECT_EQ(Complaint(File(Tensor("F32", "[-1]", "[0,8]"), 8)),
            "tensor \"a\": an extent that is not a whole number");
  EXPECT_EQ(Complaint(File(Tensor("F32", "[2]", "[8,0]"), 8)),
            "tensor \"a\": bytes [8, 0) lie beyond the file's 8 bytes of data");
  EXPECT_EQ(Complaint(File(Tensor("F32", "[2]", "[0.5,8]"), 8)),
            "tensor \"a\": data_offsets are not two whole numbers");
  EXPECT_EQ(Complaint(File(Tensor("F99", "[2]", "[0,8]"), 8)),
            "tensor \"a\": unknown dtype \"F99\"");
  EXPECT_EQ(Complaint(File(R"({"a":7})", 0)),
            "tensor \"a\": no JSON object where \"dtype\" is looked for");
}

TEST(ParseSafetensorsTest, RefusesDeepJsonAndDoubleNames) {
  EXPECT_EQ(Complaint(File(std::string(1000, '['), 0)),
            "damaged header: JSON nested deeper than 32");
  EXPECT_EQ(Complaint(File(R"({"a":{},"a":{}})", 0)),
            "damaged header: key \"a\" twice");
  EXPECT_EQ(Complaint(File("[]", 0)), "damaged header: not an object");
  EXPECT_EQ(Complaint(File("{", 0)), "damaged header: not JSON at byte 2");
}

// Bytes changed, removed, repeated or inserted anywhere in front of the data.
std::string Mutate(std::string file, Random& random, size_t header_end) {
  const uint64_t changes = 1 + random.Below(4);
  for (uint64_t i = 0; i < changes && file.size() > 1; ++i) {
    const size_t at = random.Below(std::min(header_end, file.size()));
    switch (random.Below(4)) {
      case 0:
        file[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        file.erase(at, 1 + random.Below(8));
        break;
      case 2:
        file.insert(at, file.substr(at, random.Below(40)));
        break;
      default:
        file.insert(at, 1, "0123456789-.e{}[]\",:"[random.Below(20)]);
    }
  }
  return file;
}

// Copies into memory of exactly the file's size, so that the address sanitizer
// sees any read beyond it.
void ExpectSafe(const std::string& file) {
  const std::vector<char> exact(file.begin(), file.end());
  const auto bytes = std::as_bytes(std::span(exact));
  const auto index = ParseSafetensors(bytes);
  if (!index.ok()) {
    EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  for (const auto& [name, entry] : *index) {
    ASSERT_LE(entry.begin, entry.end);
    ASSERT_LE(entry.end, bytes.size());
    ChecksumOf(bytes.subspan(entry.begin, entry.end - entry.begin));
  }
}

TEST_F(SafetensorsTest, SurvivesRandomDamage) {
  const std::string file = Write();
  Random random(20240520);
  for (int i = 0; i < 5000; ++i) {
    SCOPED_TRACE(i);
    ExpectSafe(Mutate(file, random, 256));
    // With the right length, damage reaches the checks behind the JSON.
    const std::string body = Mutate(file.substr(8), random, 248);
    ExpectSafe(File(
        body.substr(0, body.size() - std::min<size_t>(20, body.size())), 20));
  }
}

TEST_F(SafetensorsTest, SurvivesEveryTruncation) {
  const std::string file = Write();
  for (size_t size = 0; size < file.size(); ++size) {
    SCOPED_TRACE(size);
    Complaint(file.substr(0, size));
  }
}

}  // namespace
}  // namespace penstock
