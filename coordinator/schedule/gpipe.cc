#include "coordinator/schedule/gpipe.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

Schedule GPipe(const PipelineShape& shape) {
  return LimitedActivations(
      shape, [microbatches = shape.microbatches](int) { return microbatches; });
}

}  // namespace penstock
