#ifndef COORDINATOR_SCHEDULE_SCHEDULE_CSV_H_
#define COORDINATOR_SCHEDULE_SCHEDULE_CSV_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Schedules in the text form of torch.distributed.pipelining: one row per rank,
// its actions separated by commas, a compound one in one cell. An empty cell is
// a slot in which the rank idles; it says nothing about order, so a Schedule
// does not have it.
//
//   0F0,0F1,,0B0,0B1
//   ,1F0,1B0,1F1,1B1

// Which rank has which stage, which the form does not say: a rule, or the rank
// of each stage.
using StagePlacement = std::variant<Placement, std::vector<int>>;

struct ScheduleCsv {
  Schedule schedule;
  // idle_slots[r] has, in increasing order, the position in rank r's program of
  // the action before which an idle slot lies, once per slot; the length of the
  // program for slots at the end of the row.
  std::vector<std::vector<int>> idle_slots;
};

// Reads `text`, whose lines end in "\n" or "\r\n". Micro-batches and pieces are
// as many as the actions name. There are two copies of the model when
// `placement` is kBidirectional, or when it is a list and no action of the
// first half of the stages shares a micro-batch with one of the second half.
//
// What it gives need not be a schedule that runs; see VerifyCompute. But
// `ToCsv` writes it as it was, "\r" excepted.
//
// Errors:
//   InvalidArgument: a cell that is no action, by its row and column from 1; no
//     row; stages that do not fit `placement`.
absl::StatusOr<ScheduleCsv> ParseScheduleCsv(std::string_view text,
                                             const StagePlacement& placement);

std::string ToCsv(const ScheduleCsv& csv);

// Without idle slots.
std::string ToCsv(const Schedule& schedule);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SCHEDULE_CSV_H_
