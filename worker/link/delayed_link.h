#ifndef WORKER_LINK_DELAYED_LINK_H_
#define WORKER_LINK_DELAYED_LINK_H_

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "worker/link/link.h"

namespace penstock {

// Another link with a longer and narrower way: messages to one peer leave one
// after the other as fast as `bytes_per_second` allows, and each is offered to
// the other link `latency` after its last byte left, as a Hop of costs.h says.
// For models that sleep, which try out schedules over networks that are not
// there.
//
// WaitSent waits until the bytes have left. What the other link says against a
// message later is heard by the next call that sends to the same peer.
//
// Thread-safe; owns one thread. Copies every message.
class DelayedLink final : public Link {
 public:
  struct Options {
    absl::Duration latency;
    double bytes_per_second = 0;  // 0: no limit.

    bool delays() const {
      return latency > absl::ZeroDuration() || bytes_per_second > 0;
    }
  };

  DelayedLink(std::unique_ptr<Link> link, const Options& options);
  // Messages that have left are still handed over, unless their peers are gone
  // or ask for none for a while.
  ~DelayedLink() override;

  absl::Status Send(int peer, const MessageKey& key,
                    std::span<const std::byte> bytes) override;
  absl::Status WaitSent(int peer, const MessageKey& key,
                        absl::Time deadline) override;
  absl::Status PostReceive(int peer, const MessageKey& key,
                           std::span<std::byte> bytes) override;
  absl::Status WaitReceived(int peer, const MessageKey& key,
                            absl::Time deadline) override;
  void Abort(const absl::Status& reason) override;

 private:
  using Name = std::pair<int, MessageKey>;
  struct Message {
    Name name;
    std::vector<std::byte> bytes;
  };

  void Run();
  // Offers what is due to the other link, and forgets what that has sent.
  void OfferDue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetSent(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status FailureOf(int peer) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  absl::Time stop_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Status aborted_ ABSL_GUARDED_BY(mutex_);  // Why, if it was.
  std::map<int, absl::Status> failed_ ABSL_GUARDED_BY(mutex_);  // By peer.
  // When the bytes of each message that was not waited for have left, and the
  // last ones to each peer.
  std::map<Name, absl::Time> leave_ ABSL_GUARDED_BY(mutex_);
  std::map<int, absl::Time> left_ ABSL_GUARDED_BY(mutex_);
  // By when each is offered to the link, and those that were.
  std::multimap<absl::Time, Message> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<Message> offered_ ABSL_GUARDED_BY(mutex_);
  std::deque<Message> kept_ ABSL_GUARDED_BY(mutex_);  // Of these that failed.
  // After the messages, which it may read as long as it is there.
  const std::unique_ptr<Link> link_;
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_LINK_DELAYED_LINK_H_
