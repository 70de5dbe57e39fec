#include "worker/link/grpc_bytes.h"

#include <vector>

#include "gtest/gtest.h"

namespace penstock {
namespace {

grpc::ByteBuffer OfSlices(const std::vector<std::string>& texts) {
  std::vector<grpc::Slice> slices(texts.begin(), texts.end());
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string Copy(grpc::ByteBuffer buffer, size_t begin, size_t size) {
  std::string out(size, '-');
  const size_t copied =
      CopyBytes(buffer, begin, std::as_writable_bytes(std::span(out)));
  return out.substr(0, copied);
}

TEST(GrpcBytesTest, CopiesAnyPartWhateverTheSlices) {
  const std::string all = "abcdefghij";
  for (const auto& texts :
       std::vector<std::vector<std::string>>{{"abcdefghij"},
                                             {"a", "bcde", "fghij"},
                                             {"abc", "", "defghi", "j"}}) {
    for (size_t begin = 0; begin <= all.size() + 2; ++begin) {
      for (size_t size = 0; size <= all.size() + 2; ++size) {
        SCOPED_TRACE(testing::Message() << begin << " + " << size);
        const std::string expected =
            begin > all.size() ? "" : all.substr(begin, size);
        EXPECT_EQ(Copy(OfSlices(texts), begin, size), expected);
      }
    }
  }
}

TEST(GrpcBytesTest, TextSurvivesARoundTrip) {
  for (const std::string& text : {std::string(), std::string(70'000, 'x')}) {
    grpc::ByteBuffer buffer = ToByteBuffer(text);
    EXPECT_EQ(ToText(buffer), text);
  }
}

}  // namespace
}  // namespace penstock
