#include "worker/client/coordinator_client.h"

#include <algorithm>
#include <utility>

#include "proto/base/clock.h"
#include "proto/rpc/grpc_status.h"
#include "proto/version.h"
#include "proto/worker_report_proto.h"

namespace penstock {
namespace {

constexpr absl::Duration kPauseMin = absl::Milliseconds(100);
constexpr absl::Duration kPauseMax = absl::Seconds(2);

}  // namespace

bool IsFinalRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsAlreadyExists(status) ||
         absl::IsInvalidArgument(status);
}

CoordinatorClient::CoordinatorClient(std::shared_ptr<grpc::Channel> channel,
                                     Events events, absl::Duration patience)
    : stub_(internal::v1::WorkerPool::NewStub(channel)),
      events_(std::move(events)),
      patience_(patience),
      waiting_at_(SteadyNow() + patience),
      thread_([this] { Loop(); }) {}

CoordinatorClient::~CoordinatorClient() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.NotifyAll();
  }
  thread_.join();
}

void CoordinatorClient::Send(const WorkerReport& report) {
  internal::v1::WorkerReport message = WorkerReportToProto(report);
  MutexLock lock(mutex_);
  if (state_ != State::kUp) return;
  outgoing_ = std::move(message);
  changed_.NotifyAll();
}

void CoordinatorClient::Finish(absl::Time deadline) {
  MutexLock lock(mutex_);
  finishing_ = true;
  if (state_ == State::kOpening && context_ != nullptr) context_->TryCancel();
  changed_.NotifyAll();
  while (state_ == State::kUp && changed_.WaitUntil(mutex_, deadline)) {
  }
}

void CoordinatorClient::Loop() {
  absl::Duration pause = kPauseMin;
  for (;;) {
    const absl::Time begin = SteadyNow();
    const absl::Status status = RunStream();
    events_.on_disconnected(status);
    if (IsFinalRefusal(status)) return;
    if (SteadyNow() - begin > kPauseMax) pause = kPauseMin;
    const absl::Time again = SteadyNow() + pause;
    pause = std::min(2 * pause, kPauseMax);
    MutexLock lock(mutex_);
    last_end_ = status;
    while (!stopping_ && !finishing_ && SteadyNow() < again) {
      WaitForChange(again);
    }
    if (stopping_ || finishing_) return;
  }
}

void CoordinatorClient::WaitForChange(absl::Time deadline) {
  changed_.WaitUntil(mutex_, std::min(deadline, waiting_at_));
  if (SteadyNow() < waiting_at_) return;
  waiting_at_ = absl::InfiniteFuture();
  events_.on_waiting(last_end_);
}

// A stream lives as long as both sides do: it has no deadline, but keepalive
// ends it within seconds when the connection is cut.
absl::Status CoordinatorClient::RunStream() {
  grpc::ClientContext context;
  // Waits for a coordinator that is coming back instead of failing at once, so
  // that the channel's own short pauses decide when it is found.
  context.set_wait_for_ready(true);
  {
    MutexLock lock(mutex_);
    if (stopping_ || finishing_) return absl::CancelledError("stopping");
    context_ = &context;
    state_ = State::kOpening;
    outgoing_.reset();
  }
  std::unique_ptr<Stream> stream;
  // Opening blocks until there is a connection; the writer does not touch the
  // stream before it is up.
  std::thread reader([this, &context, &stream] {
    stream = stub_->Synchronize(&context);
    ReadAll(context, *stream);
  });
  WriteAll(stream);
  reader.join();
  const absl::Status status = FromGrpc(stream->Finish());
  MutexLock lock(mutex_);
  context_ = nullptr;
  return status;
}

void CoordinatorClient::ReadAll(grpc::ClientContext& context, Stream& stream) {
  stream.WaitForInitialMetadata();
  // A stream that failed has metadata, too, but none of the coordinator's.
  if (context.GetServerInitialMetadata().count(kVersionMetadata) > 0) {
    {
      MutexLock lock(mutex_);
      state_ = State::kUp;
      waiting_at_ = absl::InfiniteFuture();
      last_end_ = absl::OkStatus();
    }
    events_.on_connected();
  }
  internal::v1::WorkerInstruction message;
  while (stream.Read(&message)) {
    absl::StatusOr<WorkerInstruction> instruction =
        WorkerInstructionFromProto(message);
    // One that makes no sense is as good as lost; the next says it again.
    if (instruction.ok()) events_.on_instruction(*std::move(instruction));
  }
  MutexLock lock(mutex_);
  if (state_ == State::kUp) waiting_at_ = SteadyNow() + patience_;
  state_ = State::kEnded;
  changed_.NotifyAll();
}

// Ends when the stream has ended, when nothing more is to be said, or when this
// is being destroyed.
void CoordinatorClient::WriteAll(const std::unique_ptr<Stream>& stream) {
  for (;;) {
    const std::optional<internal::v1::WorkerReport> report = NextReport();
    if (!report.has_value()) break;
    // Its reader sees the end, too, and why.
    if (!stream->Write(*report)) return;
  }
  {
    MutexLock lock(mutex_);
    if (state_ != State::kUp) return;
  }
  // The coordinator answers what it has got, and then ends the stream.
  stream->WritesDone();
}

std::optional<internal::v1::WorkerReport> CoordinatorClient::NextReport() {
  MutexLock lock(mutex_);
  while (!stopping_ && state_ != State::kEnded) {
    if (outgoing_.has_value()) return std::exchange(outgoing_, std::nullopt);
    if (finishing_) break;
    WaitForChange(absl::InfiniteFuture());
  }
  return std::nullopt;
}

}  // namespace penstock
