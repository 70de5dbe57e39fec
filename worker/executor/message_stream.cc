#include "worker/executor/message_stream.h"

#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

static_assert(std::endian::native == std::endian::little);

absl::Status Gone() {
  return absl::UnavailableError("the other end of the stream is gone");
}

absl::Status SendAll(int socket, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return absl::DeadlineExceededError(
          "the other end of the stream does not read");
    }
    if (count <= 0) return Gone();
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status ReceiveAll(int socket, std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Gone();
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MessageStream::Write(
    const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  if (size > kBytesMax) {
    return absl::ResourceExhaustedError(fmt::format(
        "a message of {} bytes; at most {} are sent", size, kBytesMax));
  }
  const uint32_t prefix = static_cast<uint32_t>(size);
  std::string bytes(sizeof(prefix), '\0');
  std::memcpy(bytes.data(), &prefix, sizeof(prefix));
  message.AppendToString(&bytes);
  MutexLock lock(write_mutex_);
  return SendAll(socket_.get(), bytes);
}

absl::Status MessageStream::Read(google::protobuf::MessageLite& message) {
  uint32_t size = 0;
  RETURN_IF_ERROR(ReceiveAll(socket_.get(),
                             {reinterpret_cast<char*>(&size), sizeof(size)}));
  if (size > kBytesMax) {
    return absl::InvalidArgumentError(fmt::format(
        "a message of {} bytes; at most {} are read", size, kBytesMax));
  }
  read_buffer_.resize(size);
  RETURN_IF_ERROR(ReceiveAll(socket_.get(), read_buffer_));
  if (!message.ParseFromString(read_buffer_)) {
    return absl::InvalidArgumentError("not a message of the executor protocol");
  }
  return absl::OkStatus();
}

void MessageStream::Close() { ::shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace penstock
