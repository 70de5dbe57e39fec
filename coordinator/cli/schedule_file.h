#ifndef COORDINATOR_CLI_SCHEDULE_FILE_H_
#define COORDINATOR_CLI_SCHEDULE_FILE_H_

#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/schedule_csv.h"

namespace penstock {

// A schedule in a file and what its form does not say.
struct ScheduleFileFlags {
  std::string path;
  std::string placement;
  int microbatches = 0;  // 0: as many as the file names.
};

// Adds --placement.
void AddPlacementFlag(CLI::App& command, ScheduleFileFlags& flags);

// "loop", "v", "wave", "bidirectional", or the rank of each stage, "0,1,1,0".
//
// Errors:
//   InvalidArgument: it is none of these.
absl::StatusOr<StagePlacement> ParsePlacement(std::string_view text);

struct ScheduleFile {
  Schedule schedule;
  bool lowered = false;  // It has more than compute actions.
};

// Reads a file. OPTIMIZER, which other programs do not write, is added to each
// rank of a lowered one that has none.
//
// Errors: those of ReadFile, ParsePlacement and ParseScheduleCsv; the latter
//   begin with the path.
absl::StatusOr<ScheduleFile> ReadScheduleFile(const ScheduleFileFlags& flags);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_FILE_H_
