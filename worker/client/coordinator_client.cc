#include "worker/client/coordinator_client.h"

#include <algorithm>
#include <utility>

#include "proto/base/clock.h"
#include "proto/rpc/grpc_status.h"
#include "proto/worker_report_proto.h"

namespace penstock {
namespace {

constexpr absl::Duration kPauseMin = absl::Milliseconds(100);
constexpr absl::Duration kPauseMax = absl::Seconds(2);

bool IsFinal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsAlreadyExists(status) ||
         absl::IsInvalidArgument(status);
}

}  // namespace

CoordinatorClient::CoordinatorClient(std::shared_ptr<grpc::Channel> channel,
                                     Events events)
    : stub_(internal::v1::WorkerPool::NewStub(channel)),
      events_(std::move(events)),
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
  if (broken_) return;
  outgoing_ = std::move(message);
  changed_.NotifyAll();
}

void CoordinatorClient::Loop() {
  absl::Duration pause = kPauseMin;
  for (;;) {
    const absl::Time begin = SteadyNow();
    const absl::Status status = RunStream();
    events_.on_disconnected(status);
    if (IsFinal(status)) return;
    if (SteadyNow() - begin > kPauseMax) pause = kPauseMin;
    const absl::Time again = SteadyNow() + pause;
    pause = std::min(2 * pause, kPauseMax);
    MutexLock lock(mutex_);
    while (!stopping_ && changed_.WaitUntil(mutex_, again)) {
    }
    if (stopping_) return;
  }
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
    if (stopping_) return absl::CancelledError("stopping");
    context_ = &context;
    broken_ = false;
    outgoing_.reset();
  }
  const std::unique_ptr<Stream> stream = stub_->Synchronize(&context);
  events_.on_connected();
  std::thread reader([this, &stream] { ReadAll(*stream); });
  WriteAll(*stream);
  context.TryCancel();
  reader.join();
  const absl::Status status = FromGrpc(stream->Finish());
  MutexLock lock(mutex_);
  context_ = nullptr;
  return status;
}

void CoordinatorClient::ReadAll(Stream& stream) {
  internal::v1::WorkerInstruction message;
  while (stream.Read(&message)) {
    absl::StatusOr<WorkerInstruction> instruction =
        WorkerInstructionFromProto(message);
    // One that makes no sense is as good as lost; the next says it again.
    if (instruction.ok()) events_.on_instruction(*std::move(instruction));
  }
  MutexLock lock(mutex_);
  broken_ = true;
  changed_.NotifyAll();
}

void CoordinatorClient::WriteAll(Stream& stream) {
  for (;;) {
    internal::v1::WorkerReport message;
    {
      MutexLock lock(mutex_);
      while (!outgoing_.has_value() && !broken_ && !stopping_) {
        changed_.WaitUntil(mutex_, absl::InfiniteFuture());
      }
      if (broken_ || stopping_) return;
      message = *std::exchange(outgoing_, std::nullopt);
    }
    if (!stream.Write(message)) break;
  }
  MutexLock lock(mutex_);
  broken_ = true;
}

}  // namespace penstock
