#ifndef COORDINATOR_SCHEDULE_SCHEDULE_CATALOG_H_
#define COORDINATOR_SCHEDULE_SCHEDULE_CATALOG_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "coordinator/schedule/request.h"

namespace penstock {

// The fields of ScheduleRequest that only some schedules know; bits of a mask.
enum RequestField : uint8_t {
  kGroupSize = 1,
  kSlack = 2,
  kPieces = 4,
  kActivationsMax = 8,
  kVerticalSync = 16,
  kUpdateEvery = 32,
};

// What people are told about a schedule.
struct ScheduleInfo {
  std::string_view name;         // One of kScheduleNames.
  std::string_view description;  // One line.
  std::string_view placement;  // "line", "loop", "V", "wave", "bidirectional".
  std::string_view shapes;     // Legal ones, in words.
  int stages_per_rank = 0;     // All it can have; 0: as the request says.
  uint8_t fields = 0;          // RequestField's that it knows.
  bool synchronous = true;     // Every F and B uses the step's weights.
  bool splits_backward = false;  // Into I and W.
  // Made by a search, which takes up to a second; the others take no time.
  bool searched = false;
  // Weight gradients are not summed in the order of the micro-batches, so that
  // the last bits of the weights differ from other schedules'.
  bool own_summation_order = false;
};

// All schedules, in the order of kScheduleNames.
std::span<const ScheduleInfo> ScheduleCatalog();

// Null when there is none of that name.
const ScheduleInfo* FindSchedule(std::string_view name);

// Errors:
//   InvalidArgument: `request` has a value that no schedule can have, or a
//     field that this one does not know and that is not its default; names the
//     field, its value, and which schedules know it.
absl::Status CheckFields(const ScheduleInfo& schedule,
                         const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SCHEDULE_CATALOG_H_
