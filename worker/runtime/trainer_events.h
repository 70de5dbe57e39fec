#ifndef WORKER_RUNTIME_TRAINER_EVENTS_H_
#define WORKER_RUNTIME_TRAINER_EVENTS_H_

#include <functional>
#include <string>
#include <string_view>

#include "proto/metrics.h"

namespace penstock {

// Told by the trainer's threads, two at once at most; must return quickly.
struct TrainerEvents {
  // On the leader only: first of steps in the job's own checkpoint that it goes
  // on from, of as many as that has, then of each step made.
  std::function<void(const StepMetrics&)> on_metrics;
  std::function<void(const StepTrace&)> on_trace;
  std::function<void(std::string_view level, const std::string& text)> on_log;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_TRAINER_EVENTS_H_
