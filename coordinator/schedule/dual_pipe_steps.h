#ifndef COORDINATOR_SCHEDULE_DUAL_PIPE_STEPS_H_
#define COORDINATOR_SCHEDULE_DUAL_PIPE_STEPS_H_

#include <vector>

#include "coordinator/schedule/program_writer.h"

namespace penstock {

// The eight steps of DualPipe's and DualPipeV's step() on one rank, which has
// two stages: `near`, which is closer to where its micro-batches enter, and
// `far`. `half` is the number of ranks on this side of the turn and `place` the
// rank's number from the entrance, 0..half - 1. `microbatches` is per stage;
// at least 2 x half.
std::vector<Action> DualPipeSteps(const ProgramWriter::Lane& near,
                                  const ProgramWriter::Lane& far,
                                  int microbatches, int half, int place);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_DUAL_PIPE_STEPS_H_
