#ifndef TESTS_SIMULATION_EVENT_QUEUE_H_
#define TESTS_SIMULATION_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/time.h"

namespace penstock {

// Invented time: what is to happen, in the order of time and, at one instant,
// of insertion. Thread-compatible.
class EventQueue {
 public:
  using Event = std::function<void()>;

  absl::Time now() const { return now_; }

  void After(absl::Duration delay, Event event) {
    At(now_ + delay, std::move(event));
  }

  // A time that has passed means now.
  void At(absl::Time time, Event event) {
    events_.emplace(std::make_pair(time < now_ ? now_ : time, count_++),
                    std::move(event));
  }

  bool empty() const { return events_.empty(); }

  // Makes the next event happen; there must be one.
  void RunNext() {
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    next.mapped()();
  }

 private:
  // Not the epoch, so that a time that nobody set stands out.
  absl::Time now_ = absl::FromUnixSeconds(1000);
  uint64_t count_ = 0;
  std::map<std::pair<absl::Time, uint64_t>, Event> events_;
};

}  // namespace penstock

#endif  // TESTS_SIMULATION_EVENT_QUEUE_H_
