// Two streams over the local link.

#include "worker/link/note_stream.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

// One end, and what it has heard.
class End {
 public:
  End(std::unique_ptr<Link> link, int peer)
      : stream_(*link, peer,
                {.on_note =
                     [this](const Note& note) {
                       MutexLock lock(mutex_);
                       notes_.push_back(note);
                       changed_.NotifyAll();
                     },
                 .on_ended =
                     [this](const absl::Status& status) {
                       MutexLock lock(mutex_);
                       ended_ = status;
                       changed_.NotifyAll();
                     }}),
        link_(std::move(link)) {
    stream_.Start();
  }
  ~End() { stream_.Stop(); }

  NoteStream& stream() { return stream_; }

  std::vector<Note> WaitForNotes(size_t count) {
    MutexLock lock(mutex_);
    const absl::Time deadline = SteadyNow() + absl::Seconds(60);
    while (notes_.size() < count && changed_.WaitUntil(mutex_, deadline)) {
    }
    return notes_;
  }

  absl::Status WaitForEnd() {
    MutexLock lock(mutex_);
    const absl::Time deadline = SteadyNow() + absl::Seconds(60);
    while (ended_.ok() && changed_.WaitUntil(mutex_, deadline)) {
    }
    return ended_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Note> notes_ ABSL_GUARDED_BY(mutex_);
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
  NoteStream stream_;
  std::unique_ptr<Link> link_;  // Ends before the stream.
};

Note Numbered(uint64_t number) {
  return {.kind = Note::Kind::kGrant,
          .key = {number / 3, number * 7},
          .bytes = number << 40,
          .number = number};
}

TEST(NoteStreamTest, CarriesNotesBothWaysInOrder) {
  constexpr uint64_t kNotes = 1000;
  const auto hub = LocalHub::Create(2);
  End a(hub->link(0), 1);
  End b(hub->link(1), 0);
  for (uint64_t i = 0; i < kNotes; ++i) {
    a.stream().Send(Numbered(i));
    b.stream().Send(Numbered(kNotes + i));
  }
  const std::vector<Note> at_a = a.WaitForNotes(kNotes);
  const std::vector<Note> at_b = b.WaitForNotes(kNotes);
  ASSERT_EQ(at_a.size(), kNotes);
  ASSERT_EQ(at_b.size(), kNotes);
  for (uint64_t i = 0; i < kNotes; ++i) {
    EXPECT_EQ(at_b[i], Numbered(i));
    EXPECT_EQ(at_a[i], Numbered(kNotes + i));
  }
}

TEST(NoteStreamTest, TellsOnceThatThePeerIsGone) {
  const auto hub = LocalHub::Create(std::vector<std::string>{"a", "b"});
  End a(hub->link(0), 1);
  auto b = std::make_unique<End>(hub->link(1), 0);
  b.reset();
  EXPECT_EQ(a.WaitForEnd(), absl::UnavailableError("b: closed its link"));
  a.stream().Send(Numbered(1));  // Without effect.
}

TEST(NoteStreamTest, DeliversWhatWasSentBeforeTheStop) {
  constexpr uint64_t kNotes = 200;
  const auto hub = LocalHub::Create(2);
  End a(hub->link(0), 1);
  auto b = std::make_unique<End>(hub->link(1), 0);
  for (uint64_t i = 0; i < kNotes; ++i) b->stream().Send(Numbered(i));
  b.reset();
  EXPECT_EQ(a.WaitForNotes(kNotes).size(), kNotes);
}

TEST(NoteStreamTest, AMessageOfNoNotesEndsTheStream) {
  const auto hub = LocalHub::Create(2);
  End a(hub->link(0), 1);
  const auto liar = hub->link(1);
  // As many bytes as a message has: 32 notes and their number.
  const std::vector<std::byte> bytes(sizeof(uint64_t) + 32 * sizeof(Note));
  ASSERT_TRUE(liar->Send(0, {.step = 1, .tag = kNoteTag}, bytes).ok());
  EXPECT_EQ(a.WaitForEnd().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock
