#include "coordinator/schedule/one_forward_one_backward.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

Schedule OneForwardOneBackward(const PipelineShape& shape) {
  return LimitedActivations(
      shape, [stages = shape.stages](int stage) { return stages - stage; });
}

}  // namespace penstock
