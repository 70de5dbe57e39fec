#ifndef WORKER_EXECUTOR_MESSAGE_STREAM_H_
#define WORKER_EXECUTOR_MESSAGE_STREAM_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "proto/base/file.h"
#include "proto/base/mutex.h"

namespace penstock {

// The stream between a worker and its executor (proto/internal/v1/
// executor.proto): each message with its size before it, four bytes,
// little-endian.
//
// Any number of threads may write, one may read.
class MessageStream {
 public:
  static constexpr uint32_t kBytesMax = 64 << 20;

  // `socket` is one end of a stream socket pair.
  explicit MessageStream(FileDescriptor socket) : socket_(std::move(socket)) {}

  // Errors:
  //   Unavailable: the other side is gone.
  //   DeadlineExceeded: it did not take the message within the socket's
  //     SO_SNDTIMEO. A part may be sent: the stream is of no use any more.
  //   ResourceExhausted: the message is larger than kBytesMax.
  absl::Status Write(const google::protobuf::MessageLite& message);

  // Waits for the next message; ended by the other side's death or Close.
  //
  // Errors:
  //   Unavailable: the other side is gone.
  //   InvalidArgument: what came is no such message.
  absl::Status Read(google::protobuf::MessageLite& message);

  // Makes a blocked Read and all later calls return Unavailable, on both sides.
  void Close();

 private:
  const FileDescriptor socket_;
  Mutex write_mutex_;  // Held over one message, so that none are mixed.
  std::string read_buffer_;
};

}  // namespace penstock

#endif  // WORKER_EXECUTOR_MESSAGE_STREAM_H_
