#ifndef COORDINATOR_SCHEDULE_LOWER_BOUND_H_
#define COORDINATOR_SCHEDULE_LOWER_BOUND_H_

#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// A time below which no schedule of `instance` gets, compute-only, by
// `objective`. For each rank r, with every sum over the rank's own stages and
// micro-batches:
//
//   work    all F, I and W. passes: all F and I.
//   fill    the F's and hops on the shortest way from a first stage to one of
//           the rank's: nothing runs on r before.
//   drain   the I's and hops on the shortest way from one of the rank's stages
//           to a first stage, and a W there. The last F or I of r is an I,
//           because each F has its I after it, and these follow it.
//   forced  W's that run before the last F: then r holds at least what W needs
//           of all micro-batches whose W has not run, which the memory limits.
//   wait    from the start of r's first action to its first I: at least the
//           F's down to a last stage and the I's back. Until then r runs at
//           most the F's whose activations fit the memory; the rest of that
//           time it is idle: `stall`.
//
// Makespan: the greatest of fill + stall + work and
// fill + stall + passes + forced + drain over all ranks; with one micro-batch
// the latter is the critical path. Span: the greatest of stall + work over all
// ranks, and with one copy of the model also of the latter: that way ends on
// the rank of the first stage, which begins at 0, because everything else that
// it could do first needs the first stage's F.
//
// A compound pair may take less than F and B; when `costs` say so, F counts as
// the least that it can add to a B.
double LowerBound(const PipelineInstance& instance, Objective objective);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LOWER_BOUND_H_
