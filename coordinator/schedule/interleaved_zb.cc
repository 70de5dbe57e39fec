#include "coordinator/schedule/interleaved_zb.h"

#include <utility>

#include "coordinator/schedule/group_order.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::StatusOr<Schedule> InterleavedZb(const ScheduleRequest& request) {
  ASSIGN_OR_RETURN(const GroupOrder order,
                   GroupOrder::Make("interleaved-zb", request));
  Schedule schedule = order.EmptySchedule();
  for (int rank = 0; rank < request.ranks; ++rank) {
    ProgramWriter writer = order.Writer(rank, /*actions_per_cell=*/3);
    const int warm_up = order.WarmUp(/*own=*/request.ranks - 1 - rank);
    for (int i = 0; i < warm_up; ++i) writer.Forward(order.ForwardLane(i));
    for (int i = 0; i < order.size(); ++i) {
      if (warm_up + i < order.size()) {
        writer.Forward(order.ForwardLane(warm_up + i));
      }
      writer.InputGradient(order.BackwardLane(i));
      if (i >= rank) writer.OldestWeightGradient();
    }
    for (int i = 0; i < rank; ++i) writer.OldestWeightGradient();
    schedule.programs[rank] = std::move(writer).Take();
  }
  return schedule;
}

}  // namespace penstock
