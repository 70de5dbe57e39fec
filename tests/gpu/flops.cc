#include "tests/gpu/flops.h"

namespace penstock::gpu {

int64_t ProductWeights(const Architecture& model) {
  int64_t count = 0;
  // Unit 0 is the embedding.
  for (int64_t unit = 1; unit < UnitCount(model); ++unit) {
    for (const Parameter& parameter : UnitParameters(model, unit)) {
      if (parameter.shape.size() == 2) count += parameter.count();
    }
  }
  return count;
}

double FlopsPerToken(const Architecture& model, Counting counting) {
  const BlockShape block = ShapeOfBlock(model);
  const double per_pair = counting == Counting::kCausal ? 6 : 12;
  return 6 * static_cast<double>(ProductWeights(model)) +
         per_pair * static_cast<double>(LayersOf(model) * block.q_width() *
                                        SequenceLengthOf(model));
}

}  // namespace penstock::gpu
