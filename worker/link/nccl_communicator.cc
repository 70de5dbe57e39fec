#include "worker/link/nccl_communicator.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// NCCL and CUDA tell nobody when something is done, so it is asked for. Far
// below what a transfer of a tensor takes.
constexpr absl::Duration kPollInterval = absl::Microseconds(50);

// A call on a communicator that does not block takes microseconds; one that
// takes longer is stuck, and the abort ends it.
constexpr absl::Duration kCallMax = absl::Seconds(1);

// An aborted communicator's kernels end within milliseconds. If they do not,
// the device may write into memory that is about to be someone else's.
constexpr absl::Duration kEndTimeout = absl::Seconds(30);

}  // namespace

absl::StatusOr<std::unique_ptr<NcclCommunicator>> NcclCommunicator::Join(
    NcclLibrary& library, CudaStreams& streams, const NcclMember& member,
    absl::Duration stall_max) {
  std::unique_ptr<NcclCommunicator> communicator(
      new NcclCommunicator(library, streams, member, stall_max));
  absl::StatusOr<CudaStream> stream = streams.CreateStream();
  if (!stream.ok()) return communicator->Name(stream.status());
  communicator->stream_ = *stream;
  absl::StatusOr<NcclComm> comm = library.InitRank(member);
  if (!comm.ok()) return communicator->Name(comm.status());
  communicator->comm_ = *comm;
  return communicator;
}

NcclCommunicator::~NcclCommunicator() {
  if (comm_ != nullptr) Abort(absl::AbortedError("closed"));
  if (stream_ == nullptr) return;
  const absl::Time deadline = SteadyNow() + kEndTimeout;
  MutexLock lock(mutex_);
  while (calling_) {
    PENSTOCK_CHECK(SteadyNow() < deadline);
    changed_.WaitUntil(mutex_, SteadyNow() + kPollInterval);
  }
  // Also behind what was begun and could not be counted any more.
  const absl::StatusOr<CudaEvent> last = streams_.Record(stream_);
  if (last.ok()) groups_.push_back({.done = *last});
  // An error is an end, too: the device runs nothing any more.
  while (Poll().ok() && !groups_.empty()) {
    PENSTOCK_CHECK(SteadyNow() < deadline);
    changed_.WaitUntil(mutex_, SteadyNow() + kPollInterval);
  }
  for (const Group& group : groups_) streams_.DestroyEvent(group.done);
  streams_.DestroyStream(stream_);
}

absl::Status NcclCommunicator::Name(const absl::Status& status) const {
  return Annotate(status, member_.name);
}

absl::Status NcclCommunicator::Enter() {
  MutexLock lock(mutex_);
  while (aborted_.ok() && calling_) {
    changed_.WaitUntil(mutex_, SteadyNow() + kCallMax);
  }
  if (!aborted_.ok()) return aborted_;
  calling_ = true;
  return absl::OkStatus();
}

void NcclCommunicator::Leave() {
  MutexLock lock(mutex_);
  calling_ = false;
  changed_.NotifyAll();
}

absl::Status NcclCommunicator::WaitReady(absl::Time deadline,
                                         const std::string& what) {
  for (;;) {
    RETURN_IF_ERROR(Enter());
    const absl::StatusOr<bool> ready = library_.IsReady(comm_);
    Leave();
    if (!ready.ok()) return ready.status();
    if (*ready) return absl::OkStatus();
    if (SteadyNow() >= deadline) return absl::DeadlineExceededError(what);
    MutexLock lock(mutex_);
    if (aborted_.ok()) {
      changed_.WaitUntil(mutex_, SteadyNow() + kPollInterval);
    }
  }
}

absl::Status NcclCommunicator::WaitJoined(absl::Time deadline) {
  const absl::Status joined =
      WaitReady(deadline, "not all members have joined in time");
  MutexLock lock(mutex_);
  return aborted_.ok() ? Name(joined) : aborted_;
}

absl::Status NcclCommunicator::Enqueue(
    std::span<const NcclTransfer> transfers) {
  RETURN_IF_ERROR(library_.GroupStart());
  absl::Status status;
  for (const NcclTransfer& transfer : transfers) {
    if (!transfer.send.empty() && status.ok()) {
      status = library_.Send(comm_, transfer.send, transfer.member, stream_);
    }
    if (!transfer.receive.empty() && status.ok()) {
      status =
          library_.Receive(comm_, transfer.receive, transfer.member, stream_);
    }
  }
  // A group that was begun must be ended, or the thread's next one is not new.
  status.Update(library_.GroupEnd());
  return status;
}

absl::Status NcclCommunicator::BeginGroup(
    std::span<const NcclTransfer> transfers, absl::Time deadline) {
  RETURN_IF_ERROR(Enter());
  const absl::Status enqueued = Enqueue(transfers);
  Leave();
  RETURN_IF_ERROR(enqueued);
  // Nothing may be put into the stream before NCCL has.
  RETURN_IF_ERROR(WaitReady(deadline, "NCCL has not begun in time"));
  RETURN_IF_ERROR(Enter());
  const absl::StatusOr<CudaEvent> done = streams_.Record(stream_);
  Leave();
  RETURN_IF_ERROR(done.status());
  MutexLock lock(mutex_);
  groups_.back().done = *done;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> NcclCommunicator::Begin(
    std::span<const NcclTransfer> transfers, const std::string& what,
    absl::Time deadline) {
  uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    if (!aborted_.ok()) return aborted_;
    number = ++begun_;
    groups_.push_back({.number = number, .what = what, .since = SteadyNow()});
  }
  const absl::Status status = BeginGroup(transfers, deadline);
  if (status.ok()) return number;
  MutexLock lock(mutex_);
  groups_.pop_back();
  return aborted_.ok() ? Name(Annotate(status, what)) : aborted_;
}

absl::StatusOr<uint64_t> NcclCommunicator::Poll() {
  while (!groups_.empty() && groups_.front().done != nullptr) {
    const Group& group = groups_.front();
    const absl::StatusOr<bool> done = streams_.IsDone(group.done);
    if (!done.ok()) return Name(Annotate(done.status(), group.what));
    if (!*done) break;
    streams_.DestroyEvent(group.done);
    completed_ = group.number;
    groups_.pop_front();
  }
  return completed_;
}

absl::StatusOr<uint64_t> NcclCommunicator::Completed() {
  MutexLock lock(mutex_);
  if (!aborted_.ok()) return aborted_;
  return Poll();
}

absl::Status NcclCommunicator::Wait(uint64_t number, absl::Time deadline) {
  MutexLock lock(mutex_);
  for (;;) {
    if (!aborted_.ok()) return aborted_;
    ASSIGN_OR_RETURN(const uint64_t completed, Poll());
    if (completed >= number) return absl::OkStatus();
    const absl::Time now = SteadyNow();
    if (now >= deadline) {
      return Name(absl::DeadlineExceededError(
          fmt::format("{}: not done in time", groups_.front().what)));
    }
    changed_.WaitUntil(mutex_, std::min(deadline, now + kPollInterval));
  }
}

absl::Status NcclCommunicator::Check() {
  {
    MutexLock lock(mutex_);
    if (!aborted_.ok()) return aborted_;
    if (!groups_.empty() && SteadyNow() - groups_.front().since > stall_max_) {
      return Name(absl::UnavailableError(
          fmt::format("{}: no progress for {}", groups_.front().what,
                      absl::FormatDuration(stall_max_))));
    }
    // Whoever is in there learns of the error.
    if (calling_ || freed_) return absl::OkStatus();
    calling_ = true;
  }
  const absl::StatusOr<bool> ready = library_.IsReady(comm_);
  Leave();
  return Name(ready.status());
}

void NcclCommunicator::Abort(const absl::Status& reason) {
  {
    MutexLock lock(mutex_);
    if (!aborted_.ok()) return;
    aborted_ = reason.ok() ? absl::AbortedError("aborted") : reason;
    changed_.NotifyAll();
    const absl::Time stuck = SteadyNow() + kCallMax;
    while (calling_ && changed_.WaitUntil(mutex_, stuck)) {
    }
    if (freed_) return;
    freed_ = true;
  }
  // What it says is of no use to anyone: the communicator is gone either way.
  library_.Abort(comm_).IgnoreError();
}

void NcclCommunicator::Close(absl::Time deadline) {
  absl::Status status = Enter();
  if (!status.ok()) return;
  status = library_.Finalize(comm_);
  Leave();
  if (status.ok()) status = WaitReady(deadline, "has not ended in time");
  if (!status.ok()) {
    Abort(status);
    return;
  }
  {
    MutexLock lock(mutex_);
    if (freed_) return;
    freed_ = true;
    aborted_ = Name(absl::AbortedError("closed"));
  }
  library_.Destroy(comm_).IgnoreError();
}

}  // namespace penstock
