#ifndef COORDINATOR_SCHEDULE_REQUEST_H_
#define COORDINATOR_SCHEDULE_REQUEST_H_

#include <optional>

#include "coordinator/schedule/costs.h"

namespace penstock {

// What a schedule is made for. Fields that a schedule does not know must keep
// their defaults.
struct ScheduleRequest {
  int ranks = 0;            // P >= 1.
  int microbatches = 0;     // M >= 1, per step.
  int stages_per_rank = 0;  // V; 0: the schedule's own.
  // interleaved-1f1b, interleaved-zb: micro-batches that pass one stage before
  // the rank turns to its next stage; 0: the schedule's own.
  int group_size = 0;
  // 1f1b-slack: the warm-up is this many times 1F1B's; 0: per stage by the
  // costs.
  int slack = 0;
  // seq1f1b: pieces of each micro-batch's sequence; 0: two.
  int pieces = 0;
  // zb-auto, zbv-auto: activations a rank may hold; 0: as much memory as 1F1B's
  // first rank needs.
  int activations_max = 0;
  // zb-auto, zbv-auto: the share of an activation that W needs, i.e. that I
  // does not free; from 0 to 1.
  double weight_input_share = 1;
  // Of those that search: schedules to try; 0: as many as take about a second.
  int evaluations = 0;
  // pipedream: every stage uses the version that the first one chose.
  bool vertical_sync = false;
  // pipedream-2bw: micro-batches per update; 0: as many as there are ranks.
  int update_every = 0;
  // For schedules that are made by costs, others ignore them; absent:
  // F = I = W = 1, hops free.
  // A stage's index is the schedule's.
  std::optional<ScheduleCosts> costs;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_REQUEST_H_
