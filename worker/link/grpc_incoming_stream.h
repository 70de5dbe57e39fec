#ifndef WORKER_LINK_GRPC_INCOMING_STREAM_H_
#define WORKER_LINK_GRPC_INCOMING_STREAM_H_

#include <cstdint>
#include <deque>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/byte_buffer.h"
#include "proto/internal/v1/tensor_transport.grpc.pb.h"
#include "worker/link/grpc_event_loop.h"
#include "worker/link/link.h"

namespace penstock {

// TensorTransport with messages as they came from the wire.
using RawTensorTransport = internal::v1::TensorTransport::WithRawMethod_Send<
    internal::v1::TensorTransport::Service>;

// One call of TensorTransport.Send as its server sees it: reads ahead of
// nobody, one message at a time, and writes credits.
//
// Thread-compatible: only the loop's thread calls it.
class IncomingStream {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;

    // A call has come for the stream.
    virtual void OnCall(IncomingStream& stream) = 0;

    // An error ends the stream with it.
    virtual absl::Status OnMessage(IncomingStream& stream,
                                   grpc::ByteBuffer& message) = 0;

    // The sender says no more.
    virtual void OnClosed(IncomingStream& stream) = 0;

    // Nothing is under way any more: the stream can be deleted, but not before
    // this has returned.
    virtual void OnDone(IncomingStream& stream) = 0;
  };

  // Waits for a call; `peer` is -1 until the owner sets it.
  IncomingStream(Owner* owner, RawTensorTransport* service,
                 grpc::ServerCompletionQueue* queue);

  int peer() const { return peer_; }

  // Ends the call with DeadlineExceeded unless Accept comes within `timeout`.
  void ExpectHello(absl::Duration timeout, grpc::ServerCompletionQueue* queue);

  // Tells the sender that it is welcome.
  void Accept(int peer);

  void SendCredit(const MessageKey& key, uint64_t bytes);

  // Ends the call; the first status counts.
  void End(const absl::Status& status);

 private:
  struct Credit {
    MessageKey key;
    uint64_t bytes = 0;
  };

  void OnCall(bool ok);
  void OnHelloTimeout(bool expired);
  void OnRead(bool ok);
  void OnWritten();
  void OnFinished();
  void Read();

  // Begins the next operation that the state allows.
  void Advance();
  void DoneIfIdle();

  Owner* const owner_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> call_;

  GrpcEventLoop::Handler on_call_ = [this](bool ok) { OnCall(ok); };
  GrpcEventLoop::Handler on_hello_timeout_ = [this](bool expired) {
    OnHelloTimeout(expired);
  };
  GrpcEventLoop::Handler on_read_ = [this](bool ok) { OnRead(ok); };
  GrpcEventLoop::Handler on_written_ = [this](bool) { OnWritten(); };
  GrpcEventLoop::Handler on_finished_ = [this](bool) { OnFinished(); };

  int peer_ = -1;
  grpc::Alarm hello_alarm_;
  absl::Duration hello_timeout_;
  grpc::ByteBuffer message_;
  std::deque<Credit> credits_;  // To be sent; one per posted buffer.
  absl::Status end_;

  bool timing_ = false;  // The alarm is set.
  bool accepting_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool ending_ = false;
  bool finishing_ = false;
  bool finished_ = false;
};

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_INCOMING_STREAM_H_
