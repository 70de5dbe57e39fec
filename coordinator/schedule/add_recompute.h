#ifndef COORDINATOR_SCHEDULE_ADD_RECOMPUTE_H_
#define COORDINATOR_SCHEDULE_ADD_RECOMPUTE_H_

#include <functional>
#include <vector>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// Whether a stage keeps only its input of a micro-batch between F and backward.
using RecomputePolicy = std::function<bool(int stage, int microbatch)>;

// `schedule` with an R directly before the B or I of each (stage, micro-batch)
// that the policy names, as in Varuna (Athlur et al. 2022); before the whole
// compound action when that B is part of one. Where the B or I follows its own
// F at once there is nothing to gain, and no R. In a schedule with pieces each
// piece has its R.
Schedule AddRecompute(Schedule schedule, const RecomputePolicy& which);

// Every micro-batch on every stage.
RecomputePolicy RecomputeAlways();
// All but the last micro-batch of `schedule`, or of each of its copies: under
// GPipe with backward from the last to the first its B follows F nearly at
// once (torchgpipe's "except_last").
RecomputePolicy RecomputeAllButLast(const Schedule& schedule);
// Every micro-batch on the stages that are true.
RecomputePolicy RecomputeStages(std::vector<bool> stages);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ADD_RECOMPUTE_H_
