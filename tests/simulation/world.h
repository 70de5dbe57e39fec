#ifndef TESTS_SIMULATION_WORLD_H_
#define TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/base/random.h"
#include "tests/simulation/event_queue.h"

namespace penstock {

// How bad the world is. Means of times are those of an exponential
// distribution; InfiniteDuration for never.
struct Faults {
  double loss = 0;                                   // Of a message.
  double duplication = 0;                            // Of a message.
  absl::Duration delay_max = absl::Milliseconds(2);  // Of a message.
  double slow = 0;  // Of a message: takes up to slow_max instead.
  absl::Duration slow_max = absl::Seconds(12);
  absl::Duration partition_mean = absl::InfiniteDuration();
  absl::Duration worker_crash_mean = absl::InfiniteDuration();
  absl::Duration coordinator_crash_mean = absl::InfiniteDuration();
  absl::Duration executor_crash_mean = absl::InfiniteDuration();
  absl::Duration start_max = absl::Milliseconds(100);  // Of an executor.
  double start_failure = 0;                            // Of an executor.
  double lasting = 0;  // Of an executor's failures: would happen again.
  absl::Duration flush_max = absl::Milliseconds(2);  // Of the journal.
};

// What all simulated processes share: time, chance, and the verdict.
struct World {
  explicit World(uint64_t seed) : random(seed) {}

  bool Chance(double probability) { return random.Uniform() < probability; }

  // Uniform in (0, max].
  absl::Duration Draw(absl::Duration max) {
    return max * (1 - random.Uniform());
  }

  // Exponential with `mean`.
  absl::Duration DrawExponential(absl::Duration mean);

  // Delivers a message: late, twice or never.
  void Send(const EventQueue::Event& deliver);

  // Notes what must never happen; the first such thing is the verdict.
  void Violate(const std::string& what);

  void Trace(const std::string& what) {
    if (tracing) Print(what);
  }
  void Print(const std::string& what) const;

  EventQueue events;
  Random random;
  Faults faults;
  bool tracing = false;
  std::string violation;  // Empty when all is well.
};

}  // namespace penstock

#endif  // TESTS_SIMULATION_WORLD_H_
