#include "coordinator/schedule/naive.h"

#include "coordinator/schedule/limited_activations.h"

namespace penstock {

Schedule Naive(const PipelineShape& shape) {
  return LimitedActivations(shape, [](int) { return 1; });
}

}  // namespace penstock
