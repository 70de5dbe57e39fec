#include "worker/link/grpc_outgoing.h"

#include <array>
#include <utility>

#include "proto/internal/v1/tensor_transport.pb.h"
#include "proto/rpc/grpc_status.h"
#include "worker/link/grpc_bytes.h"
#include "worker/link/slice_wire.h"

namespace penstock {
namespace {

constexpr char kMethod[] = "/penstock.internal.v1.TensorTransport/Send";

}  // namespace

OutgoingStream::OutgoingStream(GrpcEventLoop* loop,
                               std::shared_ptr<GrpcLoans> loans,
                               const std::shared_ptr<grpc::Channel>& channel,
                               OutgoingEvents events)
    : loop_(loop),
      loans_(std::move(loans)),
      events_(std::move(events)),
      stub_(channel) {}

void OutgoingStream::Open(const StreamHello& hello) {
  on_started_ = [this, hello](bool ok) { OnStarted(ok, hello); };
  call_ = stub_.PrepareCall(&context_, kMethod, loop_->queue());
  call_->StartCall(&on_started_);
}

void OutgoingStream::OnStarted(bool ok, const StreamHello& hello) {
  if (!ok) {
    writing_ = false;
    Finish();
    return;
  }
  internal::v1::SendRequest request;
  request.mutable_hello()->set_job(hello.job);
  request.mutable_hello()->set_epoch(hello.epoch);
  request.mutable_hello()->set_sender(hello.sender);
  request.mutable_hello()->set_receiver(hello.receiver);
  call_->Write(ToByteBuffer(request.SerializeAsString()), &on_written_);
  call_->ReadInitialMetadata(&on_accepted_);
}

void OutgoingStream::OnAccepted(bool ok) {
  if (ok && context_.GetServerInitialMetadata().contains(kAcceptedKey)) {
    events_.on_accepted();
  }
  // When the peer refused, this fails and leads to its reason.
  call_->Read(&credit_, &on_credit_);
}

void OutgoingStream::OnCredit(bool ok) {
  if (!ok) {
    Finish();
    return;
  }
  internal::v1::Credit credit;
  if (!credit.ParseFromString(ToText(credit_))) {
    violation_ = absl::InternalError("sent what is not a credit");
  } else {
    violation_ = queue_.AddCredit({.step = credit.step(), .tag = credit.key()},
                                  credit.bytes());
  }
  if (!violation_.ok()) context_.TryCancel();
  call_->Read(&credit_, &on_credit_);
  Advance();
}

void OutgoingStream::Offer(const MessageKey& key,
                           std::span<const std::byte> bytes) {
  if (closing_ || finishing_) return;
  queue_.Offer(key, bytes);
  Advance();
}

void OutgoingStream::Advance() {
  if (writing_ || half_closed_ || finishing_ || call_ == nullptr) return;
  if (const auto slice = queue_.Next()) {
    writing_ = true;
    Write(*slice);
  } else if (closing_) {
    writing_ = true;
    half_closed_ = true;
    call_->WritesDone(&on_written_);
  }
}

void OutgoingStream::Write(const SendQueue::Slice& slice) {
  written_ = slice;
  std::array<std::byte, kSlicePrefixBytesMax> prefix;
  const size_t prefix_bytes =
      WriteSlicePrefix({slice.key, slice.offset, slice.data.size()}, prefix);
  std::array<grpc::Slice, 2> slices = {grpc::Slice(prefix.data(), prefix_bytes),
                                       grpc::Slice()};
  GrpcLoans::Loan*& loan = loans_open_[slice.key];
  if (loan == nullptr) {
    loan = loans_->Open([on_sent = events_.on_sent, key = slice.key,
                         result = slice.refusal] { on_sent(key, result); });
  }
  if (!slice.data.empty()) slices[1] = loan->Lend(slice.data);
  const grpc::ByteBuffer message(slices.data(), slice.data.empty() ? 1 : 2);
  call_->Write(message, &on_written_);
}

void OutgoingStream::OnWritten(bool ok) {
  writing_ = false;
  if (written_ && written_->last) {
    const auto loan = loans_open_.find(written_->key);
    loan->second->Close(/*complete=*/ok);
    loans_open_.erase(loan);
  }
  written_.reset();
  // A write fails only when the stream has ended; reading then fails as well
  // and finds out why.
  if (ok) Advance();
  EndIfIdle();
}

void OutgoingStream::Close() {
  closing_ = true;
  Advance();
}

void OutgoingStream::Cancel() {
  closing_ = true;
  context_.TryCancel();
}

void OutgoingStream::Finish() {
  finishing_ = true;
  call_->Finish(&status_, &on_finished_);
}

void OutgoingStream::OnFinished() {
  finished_ = true;
  EndIfIdle();
}

void OutgoingStream::EndIfIdle() {
  if (!finished_ || writing_ || ended_) return;
  ended_ = true;
  for (const auto& [key, loan] : loans_open_) loan->Close(/*complete=*/false);
  loans_open_.clear();
  events_.on_ended(violation_.ok() ? FromGrpc(status_) : violation_);
}

}  // namespace penstock
