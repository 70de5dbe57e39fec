#ifndef COORDINATOR_SCHEDULE_SYNTHESIS_PLACEMENTS_H_
#define COORDINATOR_SCHEDULE_SYNTHESIS_PLACEMENTS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/pipeline_instance.h"
#include "coordinator/schedule/placement.h"
#include "coordinator/schedule/synthesize_request.h"

namespace penstock {

// One way to put the model's slices on the ranks.
struct PlacedInstance {
  Placement placement = Placement::kLoop;
  int stages_per_rank = 0;
  PipelineInstance instance;
};

// Every placement that `request` allows and whose memory holds one micro-batch;
// those of fewer stages per rank first.
//
// Errors: as Synthesize.
absl::StatusOr<std::vector<PlacedInstance>> PlaceSlices(
    const SynthesizeRequest& request);

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_SYNTHESIS_PLACEMENTS_H_
