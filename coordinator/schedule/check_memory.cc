#include "coordinator/schedule/check_memory.h"

#include <limits>
#include <string>

#include "fmt/format.h"

namespace penstock {
namespace {

// Follows one rank until it holds more than `limit` beside its fixed bytes.
// Returns the index of the action that does; the program's size for none.
size_t Follow(const Schedule& schedule, int rank, int64_t limit,
              BufferUse& use) {
  const std::vector<Action>& program = schedule.programs[rank];
  use.Begin(rank);
  for (size_t i = 0; i < program.size();) {
    const size_t count = use.Execute(&program[i]);
    if (use.peak_bytes() > limit) return i;
    i += count;
  }
  return program.size();
}

}  // namespace

std::optional<MemoryOverflow> FindOverflow(const Schedule& schedule,
                                           const ScheduleMemory& memory) {
  BufferUse use(schedule, memory.stages);
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    const int64_t fixed = memory.fixed[rank];
    const int64_t limit = memory.limit[rank];
    if (fixed > limit) return MemoryOverflow{rank, std::nullopt, fixed, limit};
    const size_t index = Follow(schedule, rank, limit - fixed, use);
    if (index == schedule.programs[rank].size()) continue;
    return MemoryOverflow{rank, index, fixed + use.peak_bytes(), limit};
  }
  return std::nullopt;
}

std::vector<int64_t> PeakBytes(const Schedule& schedule,
                               const ScheduleMemory& memory) {
  BufferUse use(schedule, memory.stages);
  std::vector<int64_t> peaks;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    Follow(schedule, rank, std::numeric_limits<int64_t>::max(), use);
    peaks.push_back(memory.fixed[rank] + use.peak_bytes());
  }
  return peaks;
}

absl::Status CheckMemory(const Schedule& schedule,
                         const ScheduleMemory& memory) {
  if (memory.stages.size() != schedule.rank_of_stage.size() ||
      memory.fixed.size() != schedule.programs.size() ||
      memory.limit.size() != schedule.programs.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "bytes of {} stages, and of {} ranks with {} limits, for a schedule "
        "of {} stages and {} ranks",
        memory.stages.size(), memory.fixed.size(), memory.limit.size(),
        schedule.stages(), schedule.ranks()));
  }
  const std::optional<MemoryOverflow> overflow = FindOverflow(schedule, memory);
  if (!overflow.has_value()) return absl::OkStatus();
  const std::string where =
      overflow->index.has_value()
          ? fmt::format(
                ", action {}, {}", *overflow->index,
                ToString(schedule.programs[overflow->rank][*overflow->index]))
          : "";
  return absl::ResourceExhaustedError(
      fmt::format("rank {}{}: needs {} bytes at once, {} over its limit of {}",
                  overflow->rank, where, overflow->bytes,
                  overflow->bytes - overflow->limit, overflow->limit));
}

}  // namespace penstock
