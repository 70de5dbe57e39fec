#ifndef COORDINATOR_SCHEDULE_WAVE_PATTERN_H_
#define COORDINATOR_SCHEDULE_WAVE_PATTERN_H_

#include <vector>

namespace penstock {

// When each F and B of micro-batch 0 begins on a wave, in units of F, where B
// takes two. Micro-batch j has the same times, later by j x period(), and no
// two actions of a rank ever meet: without the fill and the drain no rank is
// ever idle. (Modulo scheduling of one micro-batch's chain.)
struct WavePattern {
  int ranks = 0;
  int stages_per_rank = 0;
  // Of F of each stage in order, then of B from the last stage to the first.
  std::vector<int> begins;

  int stages() const { return ranks * stages_per_rank; }
  int period() const { return 3 * stages_per_rank; }
  int end() const { return begins.back() + 2; }
};

// Short patterns, the shortest first: each action as early as its rank's period
// has room, or later, as a beam search over all of them goes; the beam gets
// narrower with many stages. Never empty. Requires both >= 1.
std::vector<WavePattern> FindWavePatterns(int ranks, int stages_per_rank);

// The most activations that a rank ever holds.
int PeakActivations(const WavePattern& pattern);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_WAVE_PATTERN_H_
