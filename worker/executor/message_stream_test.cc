#include "worker/executor/message_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "gtest/gtest.h"
#include "proto/internal/v1/executor.pb.h"

namespace penstock {
namespace {

std::array<int, 2> SocketPair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
  return fds;
}

TEST(MessageStreamTest, DeliversMessagesInOrder) {
  const auto fds = SocketPair();
  MessageStream left{FileDescriptor(fds[0])};
  MessageStream right{FileDescriptor(fds[1])};
  internal::v1::FromExecutor sent;
  for (const char* address : {"a:1", "", "b:2"}) {
    sent.mutable_ready()->set_transport_address(address);
    ASSERT_TRUE(left.Write(sent).ok());
  }
  internal::v1::FromExecutor received;
  for (const char* address : {"a:1", "", "b:2"}) {
    ASSERT_TRUE(right.Read(received).ok());
    EXPECT_EQ(received.ready().transport_address(), address);
  }
}

TEST(MessageStreamTest, TellsThatTheOtherSideIsGone) {
  const auto fds = SocketPair();
  MessageStream right{FileDescriptor(fds[1])};
  { const FileDescriptor left(fds[0]); }
  internal::v1::ToExecutor message;
  EXPECT_EQ(right.Read(message).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(right.Write(message).code(), absl::StatusCode::kUnavailable);
}

TEST(MessageStreamTest, RefusesAnAbsurdSizeAndGarbage) {
  const auto fds = SocketPair();
  MessageStream right{FileDescriptor(fds[1])};
  internal::v1::ToExecutor message;
  const std::array<unsigned char, 8> garbage = {4, 0, 0, 0, 255, 255, 255, 255};
  ASSERT_EQ(::send(fds[0], garbage.data(), garbage.size(), 0), 8);
  EXPECT_EQ(right.Read(message).code(), absl::StatusCode::kInvalidArgument);
  const std::array<unsigned char, 4> absurd = {255, 255, 255, 255};
  ASSERT_EQ(::send(fds[0], absurd.data(), absurd.size(), 0), 4);
  EXPECT_EQ(right.Read(message).code(), absl::StatusCode::kInvalidArgument);
  ::close(fds[0]);
}

}  // namespace
}  // namespace penstock
