#include "coordinator/schedule/interleaved_1f1b.h"

#include <utility>

#include "coordinator/schedule/group_order.h"
#include "coordinator/schedule/legal_value.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> Interleaved1F1B(const ScheduleRequest& request) {
  RETURN_IF_ERROR(RequireLegal("interleaved-1f1b", "stages_per_rank",
                               StagesPerRank(request), "at least 2",
                               [](int value) { return value >= 2; }));
  ASSIGN_OR_RETURN(const GroupOrder order,
                   GroupOrder::Make("interleaved-1f1b", request));
  Schedule schedule = order.EmptySchedule();
  for (int rank = 0; rank < request.ranks; ++rank) {
    ProgramWriter writer = order.Writer(rank, /*actions_per_cell=*/2);
    const int warm_up = order.WarmUp(/*own=*/2 * (request.ranks - 1 - rank));
    for (int i = 0; i < warm_up; ++i) writer.Forward(order.ForwardLane(i));
    for (int i = 0; i < order.size(); ++i) {
      if (warm_up + i < order.size()) {
        writer.Forward(order.ForwardLane(warm_up + i));
      }
      writer.Backward(order.BackwardLane(i));
    }
    schedule.programs[rank] = std::move(writer).Take();
  }
  return schedule;
}

}  // namespace penstock
