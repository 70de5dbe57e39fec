// The oracle is protobuf: what is written here it must read, and the reverse.

#include "worker/link/slice_wire.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/base/random.h"
#include "proto/internal/v1/tensor_transport.pb.h"

namespace penstock {
namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

absl::StatusOr<ParsedSlice> Parse(const std::string& message) {
  return ParseSlicePrefix(BytesOf(message.substr(0, kSlicePrefixBytesMax)),
                          message.size());
}

void ExpectRefused(const std::string& message) {
  EXPECT_EQ(Parse(message).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SliceWireTest, ProtobufReadsWhatIsWritten) {
  for (const uint64_t size : {0, 1, 127, 128, 70'000, 512 << 10}) {
    SCOPED_TRACE(size);
    std::array<std::byte, kSlicePrefixBytesMax> prefix;
    const size_t prefix_bytes =
        WriteSlicePrefix({{.step = 5, .tag = ~0ull}, 1ull << 40, size}, prefix);
    std::string message(reinterpret_cast<char*>(prefix.data()), prefix_bytes);
    message.append(size, 'x');
    internal::v1::SendRequest request;
    ASSERT_TRUE(request.ParseFromString(message));
    EXPECT_EQ(request.slice().key(), ~0ull);
    EXPECT_EQ(request.slice().step(), 5);
    EXPECT_EQ(request.slice().offset(), 1ull << 40);
    EXPECT_EQ(request.slice().data(), std::string(size, 'x'));
  }
}

TEST(SliceWireTest, ReadsWhatProtobufWrites) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    for (const uint64_t size : {0, 1, 200, 512 << 10}) {
      SCOPED_TRACE(testing::Message() << value << ", " << size);
      internal::v1::SendRequest request;
      request.mutable_slice()->set_key(value);
      request.mutable_slice()->set_step(value);
      request.mutable_slice()->set_offset(value);
      request.mutable_slice()->set_data(std::string(size, 'x'));
      const std::string message = request.SerializeAsString();
      const auto parsed = Parse(message);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_EQ(parsed->prefix,
                (SlicePrefix{{.step = value, .tag = value}, value, size}));
      EXPECT_EQ(message.size() - parsed->prefix_bytes, size);
    }
  }
}

TEST(SliceWireTest, RefusesLengthsThatLie) {
  internal::v1::SendRequest request;
  request.mutable_slice()->set_key(1);
  request.mutable_slice()->set_data("0123456789");
  const std::string message = request.SerializeAsString();
  ASSERT_TRUE(Parse(message).ok());
  ExpectRefused(message + "x");
  for (size_t length = 0; length < message.size(); ++length) {
    SCOPED_TRACE(length);
    ExpectRefused(message.substr(0, length));
  }
  std::string longer_data = message;
  longer_data[2 + 9 + 1] = 11;
  ExpectRefused(longer_data);
  ExpectRefused(std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  ExpectRefused(
      std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
}

TEST(SliceWireTest, RefusesOtherMessagesAndUnknownFields) {
  internal::v1::SendRequest hello;
  hello.mutable_hello()->set_job("job");
  ExpectRefused(hello.SerializeAsString());
  ExpectRefused("");
  ExpectRefused(std::string("\x12\x02\x28\x01"));
}

TEST(SliceWireTest, RandomBytesNeverReachBeyondTheMessage) {
  Random random(3);
  for (int i = 0; i < 200'000; ++i) {
    std::string message(random.Below(100), 0);
    for (char& c : message) c = static_cast<char>(random.Next());
    // Most random messages fail at the first byte; lead them further in.
    if (message.size() > 2 && random.Below(2) == 0) {
      message[0] = 0x12;
      message[1] = static_cast<char>(message.size() - 2);
    }
    const auto parsed = Parse(message);
    if (!parsed.ok()) continue;
    ASSERT_EQ(parsed->prefix_bytes + parsed->prefix.data_bytes, message.size());
  }
}

}  // namespace
}  // namespace penstock
