#ifndef WORKER_LINK_NOTE_STREAM_H_
#define WORKER_LINK_NOTE_STREAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "worker/link/link.h"

namespace penstock {

// What two ends of an edge tell each other about their messages.
struct Note {
  enum class Kind : uint64_t {
    kCredit = 1,   // A buffer of `bytes` bytes is posted for `key`.
    kGrant = 2,    // Message `number` of the edge is `key` with `bytes` bytes.
    kRefusal = 3,  // The message `key` has `bytes` bytes and does not come.
    kClose = 4,    // Nothing more will be begun; the sender of the note leaves.
    kClosed = 5,   // The answer, when nothing is under way between the two.
  };
  Kind kind = Kind::kCredit;
  MessageKey key;
  uint64_t bytes = 0;
  uint64_t number = 0;

  friend bool operator==(const Note&, const Note&) = default;
};

// No other message on a link may have such a tag.
inline constexpr uint64_t kNoteTag = uint64_t{0xff} << 56;

// Carries notes to one peer and from it over a link that moves bytes of host
// memory, in order. Two threads: one packs what waits into messages, one reads.
//
// Send is for any thread, the rest for one.
class NoteStream {
 public:
  struct Events {
    // Called by the reading thread, one after the other.
    std::function<void(const Note& note)> on_note;
    // The peer or the link is gone; called once, the last.
    std::function<void(const absl::Status& status)> on_ended;
  };

  // `link` must end before this: it may hold buffers of this.
  NoteStream(Link& link, int peer, Events events)
      : link_(link), peer_(peer), events_(std::move(events)) {}
  // Requires Stop, if there was a Start.
  ~NoteStream();

  // What was sent before goes now.
  void Start();

  // Never blocks. Without effect once the stream has ended.
  void Send(const Note& note);

  // Hands over to the link what was sent until now, and ends the threads.
  // on_ended is not called any more.
  void Stop();

 private:
  // As many as a message has room for; the pace at which notes come together is
  // that of messages, so more would not help.
  static constexpr size_t kNotesMax = 32;
  // Both ends are of the same byte order, as the tensors beside it ask, too.
  struct Batch {
    uint64_t count = 0;
    std::array<Note, kNotesMax> notes;
  };

  MessageKey KeyOf(uint64_t number) const {
    return {.step = number, .tag = kNoteTag};
  }
  void Write();
  absl::Status WriteBatch(uint64_t number);
  void Read();
  absl::Status ReadBatch(uint64_t number);

  Link& link_;
  const int peer_;
  const Events events_;

  Batch outgoing_;                 // The writing thread's, and the link's.
  std::array<Batch, 2> incoming_;  // The reading thread's, likewise.
  std::thread writer_;
  std::thread reader_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Note> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock

#endif  // WORKER_LINK_NOTE_STREAM_H_
