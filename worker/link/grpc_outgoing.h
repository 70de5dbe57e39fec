#ifndef WORKER_LINK_GRPC_OUTGOING_H_
#define WORKER_LINK_GRPC_OUTGOING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "worker/link/grpc_event_loop.h"
#include "worker/link/grpc_loans.h"
#include "worker/link/link.h"
#include "worker/link/send_queue.h"

namespace penstock {

// Who speaks to whom, as the first message of a stream says.
struct StreamHello {
  std::string job;
  uint64_t epoch = 0;
  int sender = 0;
  int receiver = 0;
};

// What an OutgoingStream reports; on the loop's thread, `on_sent` on any.
struct OutgoingEvents {
  std::function<void()> on_accepted;  // The peer has taken our hello.
  std::function<void(const MessageKey&, const absl::Status&)> on_sent;
  // Called once, whatever ended the stream: nothing is under way any more. OK
  // after Close.
  std::function<void(const absl::Status&)> on_ended;
};

// The stream over which one peer gets its messages.
//
// Thread-compatible: only the loop's thread calls it. Must outlive the loop's
// thread.
class OutgoingStream {
 public:
  OutgoingStream(GrpcEventLoop* loop, std::shared_ptr<GrpcLoans> loans,
                 const std::shared_ptr<grpc::Channel>& channel,
                 OutgoingEvents events);

  void Open(const StreamHello& hello);

  void Offer(const MessageKey& key, std::span<const std::byte> bytes);

  // Ends the stream once what has met its credit is sent, and tells when the
  // peer has read it all. What has no credit is dropped.
  void Close();

  // Ends the stream now.
  void Cancel();

 private:
  void OnStarted(bool ok, const StreamHello& hello);
  void OnAccepted(bool ok);
  void OnCredit(bool ok);
  void OnWritten(bool ok);
  void OnFinished();

  // Begins the next operation that the state allows.
  void Advance();
  void Write(const SendQueue::Slice& slice);
  void Finish();
  void EndIfIdle();

  GrpcEventLoop* const loop_;
  const std::shared_ptr<GrpcLoans> loans_;
  const OutgoingEvents events_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;

  GrpcEventLoop::Handler on_started_;
  GrpcEventLoop::Handler on_accepted_ = [this](bool ok) { OnAccepted(ok); };
  GrpcEventLoop::Handler on_credit_ = [this](bool ok) { OnCredit(ok); };
  GrpcEventLoop::Handler on_written_ = [this](bool ok) { OnWritten(ok); };
  GrpcEventLoop::Handler on_finished_ = [this](bool) { OnFinished(); };

  SendQueue queue_;
  std::map<MessageKey, GrpcLoans::Loan*> loans_open_;
  grpc::ByteBuffer credit_;
  // The slice that is being written; none for the hello and the half-close.
  std::optional<SendQueue::Slice> written_;
  absl::Status violation_;  // What the peer did wrong.
  grpc::Status status_;

  bool writing_ = true;  // From the start, so that the hello comes first.
  bool closing_ = false;
  bool half_closed_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  bool ended_ = false;
};

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_OUTGOING_H_
