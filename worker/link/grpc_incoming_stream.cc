#include "worker/link/grpc_incoming_stream.h"

#include <chrono>

#include "proto/rpc/grpc_status.h"
#include "worker/link/grpc_bytes.h"

namespace penstock {

IncomingStream::IncomingStream(Owner* owner, RawTensorTransport* service,
                               grpc::ServerCompletionQueue* queue)
    : owner_(owner), call_(&context_) {
  service->RequestSend(&context_, &call_, queue, queue, &on_call_);
}

void IncomingStream::OnCall(bool ok) {
  if (!ok) {  // The server shuts down; there was no call.
    owner_->OnDone(*this);
    return;
  }
  owner_->OnCall(*this);
  Read();
}

void IncomingStream::Read() {
  if (ending_) return;
  reading_ = true;
  call_.Read(&message_, &on_read_);
}

void IncomingStream::OnRead(bool ok) {
  reading_ = false;
  if (!ok) {
    owner_->OnClosed(*this);
    End(absl::OkStatus());
  } else if (!ending_) {
    const absl::Status status = owner_->OnMessage(*this, message_);
    message_.Clear();
    if (!status.ok()) End(status);
    Read();
  }
  DoneIfIdle();
}

void IncomingStream::ExpectHello(absl::Duration timeout,
                                 grpc::ServerCompletionQueue* queue) {
  timing_ = true;
  hello_timeout_ = timeout;
  hello_alarm_.Set(
      queue,
      std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout),
      &on_hello_timeout_);
}

void IncomingStream::OnHelloTimeout(bool expired) {
  timing_ = false;
  if (expired && peer_ < 0) {
    End(absl::DeadlineExceededError("no hello came within " +
                                    absl::FormatDuration(hello_timeout_)));
  }
  DoneIfIdle();
}

void IncomingStream::Accept(int peer) {
  hello_alarm_.Cancel();
  peer_ = peer;
  accepting_ = true;
  context_.AddInitialMetadata(kAcceptedKey, "1");
  Advance();
}

void IncomingStream::SendCredit(const MessageKey& key, uint64_t bytes) {
  credits_.push_back({key, bytes});
  Advance();
}

void IncomingStream::End(const absl::Status& status) {
  if (ending_) return;
  ending_ = true;
  end_ = status;
  if (timing_) hello_alarm_.Cancel();
  Advance();
}

void IncomingStream::Advance() {
  if (writing_ || finishing_) return;
  if (ending_) {
    finishing_ = true;
    call_.Finish(ToGrpc(end_), &on_finished_);
  } else if (accepting_) {
    accepting_ = false;
    writing_ = true;
    call_.SendInitialMetadata(&on_written_);
  } else if (!credits_.empty()) {
    internal::v1::Credit credit;
    credit.set_key(credits_.front().key.tag);
    credit.set_step(credits_.front().key.step);
    credit.set_bytes(credits_.front().bytes);
    credits_.pop_front();
    writing_ = true;
    call_.Write(ToByteBuffer(credit.SerializeAsString()), &on_written_);
  }
}

void IncomingStream::OnWritten() {
  writing_ = false;
  Advance();
  DoneIfIdle();
}

void IncomingStream::OnFinished() {
  finished_ = true;
  DoneIfIdle();
}

void IncomingStream::DoneIfIdle() {
  if (finished_ && !reading_ && !writing_ && !timing_) owner_->OnDone(*this);
}

}  // namespace penstock
