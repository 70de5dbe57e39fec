#include "worker/link/note_stream.h"

#include <span>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// How long a stop may take to be seen. A wait that has begun ends no sooner.
constexpr absl::Duration kStopInterval = absl::Milliseconds(20);

// How long a stop lets the link take what waits.
constexpr absl::Duration kFlushMax = absl::Seconds(2);

}  // namespace

NoteStream::~NoteStream() {
  PENSTOCK_CHECK(!writer_.joinable() && !reader_.joinable());
}

void NoteStream::Start() {
  writer_ = std::thread([this] { Write(); });
  reader_ = std::thread([this] { Read(); });
}

void NoteStream::Send(const Note& note) {
  MutexLock lock(mutex_);
  if (ended_ || stopping_) return;
  waiting_.push_back(note);
  changed_.NotifyAll();
}

void NoteStream::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (writer_.joinable()) writer_.join();
  if (reader_.joinable()) reader_.join();
}

void NoteStream::Write() {
  for (uint64_t number = 1;; ++number) {
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) {
        changed_.WaitUntil(mutex_, absl::InfiniteFuture());
      }
      if (waiting_.empty()) return;
      outgoing_ = {};
      while (!waiting_.empty() && outgoing_.count < kNotesMax) {
        outgoing_.notes[outgoing_.count++] = waiting_.front();
        waiting_.pop_front();
      }
    }
    // The reading thread says why, when the peer is gone.
    if (!WriteBatch(number).ok()) return;
  }
}

absl::Status NoteStream::WriteBatch(uint64_t number) {
  const MessageKey key = KeyOf(number);
  RETURN_IF_ERROR(
      link_.Send(peer_, key, std::as_bytes(std::span(&outgoing_, 1))));
  absl::Time flush_end = absl::InfiniteFuture();
  for (;;) {
    const absl::Status sent =
        link_.WaitSent(peer_, key, SteadyNow() + kStopInterval);
    if (!absl::IsDeadlineExceeded(sent)) return sent;
    MutexLock lock(mutex_);
    if (!stopping_) continue;
    flush_end = std::min(flush_end, SteadyNow() + kFlushMax);
    if (SteadyNow() >= flush_end) return sent;
  }
}

void NoteStream::Read() {
  absl::Status status;
  const auto post = [this](uint64_t number) {
    return link_.PostReceive(peer_, KeyOf(number),
                             std::as_writable_bytes(std::span(
                                 &incoming_[number % incoming_.size()], 1)));
  };
  status = post(1);
  for (uint64_t number = 1; status.ok(); ++number) {
    // One ahead, so that the peer need not wait for its credit.
    status = post(number + 1);
    if (status.ok()) status = ReadBatch(number);
  }
  {
    MutexLock lock(mutex_);
    ended_ = true;
    waiting_.clear();
    if (stopping_) return;
  }
  events_.on_ended(status);
}

absl::Status NoteStream::ReadBatch(uint64_t number) {
  for (;;) {
    const absl::Status received =
        link_.WaitReceived(peer_, KeyOf(number), SteadyNow() + kStopInterval);
    if (received.ok()) break;
    if (!absl::IsDeadlineExceeded(received)) return received;
    MutexLock lock(mutex_);
    if (stopping_) return absl::CancelledError("stopped");
  }
  const Batch& batch = incoming_[number % incoming_.size()];
  if (batch.count == 0 || batch.count > kNotesMax) {
    return absl::InvalidArgumentError(
        fmt::format("a message of {} notes", batch.count));
  }
  for (uint64_t i = 0; i < batch.count; ++i) events_.on_note(batch.notes[i]);
  return absl::OkStatus();
}

}  // namespace penstock
