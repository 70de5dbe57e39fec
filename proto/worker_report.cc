#include "proto/worker_report.h"

#include "fmt/format.h"
#include "proto/base/check.h"

namespace penstock {

std::string ToString(DeviceState state) {
  switch (state) {
    case DeviceState::kIdle:
      return "IDLE";
    case DeviceState::kPreparing:
      return "PREPARING";
    case DeviceState::kReady:
      return "READY";
    case DeviceState::kRunning:
      return "RUNNING";
    case DeviceState::kFinished:
      return "FINISHED";
    case DeviceState::kFailed:
      return "FAILED";
  }
  PENSTOCK_CHECK(false);
}

std::string ToString(const Assignment& assignment) {
  return fmt::format("job '{}' epoch {} replica {} rank {}", assignment.job,
                     assignment.epoch, assignment.replica, assignment.rank);
}

}  // namespace penstock
