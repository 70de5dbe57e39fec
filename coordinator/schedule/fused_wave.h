#ifndef COORDINATOR_SCHEDULE_FUSED_WAVE_H_
#define COORDINATOR_SCHEDULE_FUSED_WAVE_H_

#include "coordinator/schedule/schedule.h"

namespace penstock {

struct WaveOptions {
  int ranks = 0;            // >= 1.
  int stages_per_rank = 0;  // >= 1; a wave turns whole when it is even.
  int microbatches = 0;     // >= 1.
  // Activations a rank may hold, if some pattern can do with that; 0: as few as
  // the patterns need.
  int activations_max = 0;
};

// A schedule of F and B on a wave: a pattern of wave_pattern.h, of which every
// action is then moved into the first gap of its rank that its input and the
// limit on activations allow, in the order of the pattern. Nothing gets later
// than it was, so it ends. Of the patterns the one is taken that holds the
// least, or, with a limit, that ends first. Made for F = 1 and B = 2.
Schedule FusedWave(const WaveOptions& options);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_FUSED_WAVE_H_
