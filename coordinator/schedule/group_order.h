#ifndef COORDINATOR_SCHEDULE_GROUP_ORDER_H_
#define COORDINATOR_SCHEDULE_GROUP_ORDER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/program_writer.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// In which order a rank with V stages on a loop passes forward and backward:
// for each group of N consecutive micro-batches, for each of its stages, the
// micro-batches of the group; backward from the last stage to the first.
//
// Legal groups are Megatron-LM's, P <= N <= M where the last group has N or at
// least P, and PyTorch's, where M is cut into max(1, M / P) equal groups.
class GroupOrder {
 public:
  // The group size is request.group_size; for 0, PyTorch's if there is one,
  // else P if that is one of Megatron-LM's.
  //
  // Errors:
  //   InvalidArgument: the groups are not legal; names the nearest that are.
  static absl::StatusOr<GroupOrder> Make(std::string_view schedule,
                                         const ScheduleRequest& request);

  // F's, and as many backward actions, of one rank.
  int size() const { return static_cast<int>(lanes_.size()); }
  // Which of the rank's stages has the i-th F, and the i-th B.
  int ForwardLane(int i) const { return lanes_[i]; }
  int BackwardLane(int i) const { return stages_per_rank_ - 1 - lanes_[i]; }

  // `own` forwards of the rank, and those of all its stages but one.
  int WarmUp(int own) const;

  // The placement, with programs that are empty.
  Schedule EmptySchedule() const;
  ProgramWriter Writer(int rank, int actions_per_cell) const;

 private:
  GroupOrder(const ScheduleRequest& request, int group_size);

  const int ranks_;
  const int microbatches_;
  const int stages_per_rank_;
  const int group_size_;
  std::vector<int> lanes_;
};

// request.stages_per_rank, or two.
int StagesPerRank(const ScheduleRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_GROUP_ORDER_H_
