#include "coordinator/cli/follow.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr absl::Duration kPauseMin = absl::Milliseconds(200);
constexpr absl::Duration kPauseMax = absl::Seconds(2);

}  // namespace

void Cancellation::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
  changed_.NotifyAll();
}

bool Cancellation::IsCancelled() const {
  MutexLock lock(mutex_);
  return cancelled_;
}

void Cancellation::Wait(absl::Duration duration) {
  const absl::Time deadline = SteadyNow() + duration;
  MutexLock lock(mutex_);
  while (!cancelled_ && changed_.WaitUntil(mutex_, deadline)) {
  }
}

void Cancellation::Add(grpc::ClientContext* context) {
  MutexLock lock(mutex_);
  contexts_.insert(context);
  if (cancelled_) context->TryCancel();
}

void Cancellation::Remove(grpc::ClientContext* context) {
  MutexLock lock(mutex_);
  contexts_.erase(context);
}

absl::Status Follow(
    const ConnectionFlags& flags, const FollowOptions& options,
    const std::function<absl::Status(const std::shared_ptr<grpc::Channel>&,
                                     grpc::ClientContext&, bool& received)>&
        attempt) {
  absl::Time last_seen = SteadyNow();
  absl::Duration pause = kPauseMin;
  while (true) {
    bool received = false;
    absl::Status status;
    const auto channel = Connect(flags);
    if (channel.ok()) {
      grpc::ClientContext context;
      if (options.deadline != absl::InfiniteFuture()) {
        context.set_deadline(absl::ToChronoTime(options.deadline));
      }
      options.cancellation->Add(&context);
      status = attempt(*channel, context, received);
      options.cancellation->Remove(&context);
    } else {
      status = channel.status();
    }
    if (status.ok()) return status;
    if (options.cancellation->IsCancelled()) {
      return absl::CancelledError("interrupted");
    }
    if (received) {
      last_seen = SteadyNow();
      pause = kPauseMin;
    }
    if (absl::Now() >= options.deadline) {
      return absl::DeadlineExceededError("the time given is over");
    }
    // A coordinator that stops cancels its streams.
    if (absl::IsCancelled(status)) {
      status = absl::UnavailableError("the coordinator ended the stream");
    }
    if (!absl::IsUnavailable(status) ||
        SteadyNow() - last_seen > options.patience) {
      return ExplainUnavailable(status, flags);
    }
    options.on_lost(status);
    options.cancellation->Wait(pause);
    if (options.cancellation->IsCancelled()) {
      return absl::CancelledError("interrupted");
    }
    pause = std::min(2 * pause, kPauseMax);
  }
}

}  // namespace penstock
