#ifndef COORDINATOR_SCHEDULE_CHECK_MEMORY_H_
#define COORDINATOR_SCHEDULE_CHECK_MEMORY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/schedule/buffer_use.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// What the ranks of a schedule hold, in bytes.
struct ScheduleMemory {
  std::vector<StageBytes> stages;
  // Per rank, all the time: weights, gradients, optimizer, workspace.
  std::vector<int64_t> fixed;
  std::vector<int64_t> limit;  // Per rank.
};

struct MemoryOverflow {
  int rank = 0;
  // Of the action that overflows, in the rank's program; absent: what the rank
  // holds all the time does already.
  std::optional<size_t> index;
  int64_t bytes = 0;  // In use as the action begins.
  int64_t limit = 0;
};

// The first action of the first rank that holds more than its limit; none when
// all ranks stay within theirs. Buffers count as long as VerifyLowered says.
//
// Linear in the number of actions. Requires a well-formed lowered schedule, and
// `memory` of its size.
std::optional<MemoryOverflow> FindOverflow(const Schedule& schedule,
                                           const ScheduleMemory& memory);

// Peak bytes of each rank, with its fixed ones. Requires the same.
std::vector<int64_t> PeakBytes(const Schedule& schedule,
                               const ScheduleMemory& memory);

// Errors:
//   InvalidArgument: `memory` does not match the schedule in number.
//   ResourceExhausted: FindOverflow's, by rank, action, bytes and limit.
absl::Status CheckMemory(const Schedule& schedule,
                         const ScheduleMemory& memory);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_CHECK_MEMORY_H_
