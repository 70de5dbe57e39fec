#include "coordinator/core/job.h"

#include <utility>

#include "proto/base/check.h"

namespace penstock {

std::string ToString(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "QUEUED";
    case JobState::kPlanning:
      return "PLANNING";
    case JobState::kStarting:
      return "STARTING";
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kRecovering:
      return "RECOVERING";
    case JobState::kPaused:
      return "PAUSED";
    case JobState::kSucceeded:
      return "SUCCEEDED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "CANCELLED";
  }
  PENSTOCK_CHECK(false);
}

bool IsFinal(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

bool HoldsDevices(JobState state) {
  return state == JobState::kStarting || state == JobState::kRunning;
}

bool MayFollow(JobState from, JobState to) {
  if (IsFinal(from) || from == to) return false;
  if (to == JobState::kCancelled || to == JobState::kFailed) return true;
  switch (from) {
    case JobState::kQueued:
      return to == JobState::kPlanning || to == JobState::kPaused;
    case JobState::kPlanning:
      return to == JobState::kStarting;
    case JobState::kStarting:
      return to == JobState::kRunning || to == JobState::kRecovering;
    case JobState::kRunning:
      return to == JobState::kRecovering || to == JobState::kPaused ||
             to == JobState::kSucceeded;
    case JobState::kRecovering:
      return to == JobState::kPlanning || to == JobState::kPaused ||
             to == JobState::kSucceeded;
    case JobState::kPaused:
      return to == JobState::kQueued;
    default:
      return false;
  }
}

int PlaceCount(const JobSpec& spec) {
  return static_cast<int>(spec.parallelism.pipeline * spec.parallelism.data);
}

void Transition(JobRecord& job, JobState state, std::string reason,
                absl::Time now) {
  PENSTOCK_CHECK(MayFollow(job.state, state));
  PENSTOCK_CHECK(!reason.empty());
  job.state = state;
  job.reason = std::move(reason);
  job.transition_time = now;
}

}  // namespace penstock
