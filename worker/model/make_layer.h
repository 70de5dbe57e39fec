#ifndef WORKER_MODEL_MAKE_LAYER_H_
#define WORKER_MODEL_MAKE_LAYER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/architecture.h"
#include "proto/unit_layout.h"
#include "worker/model/layer.h"

namespace penstock {

// Makes unit `unit` of the model for passes of the shape `pass`: tokens *
// pieces is a multiple of sequence_length, which pieces divides, and a pass has
// sequence_length / pieces tokens of each sample. `weights` are the unit's
// parameters in the order of UnitParameters, in the backend's memory; the layer
// keeps pointers to them and to the backend.
//
// Gradients are those of loss_scale * the sum of the token losses; training
// passes 1 / tokens of the global batch, to the last unit at least.
//
// A tied model's embedding and head take the same token table and different
// gradients, which the caller adds up: embedding's + head's.
//
// Errors:
//   Internal: the backend's attention needs more scratch memory than the layout
//     of proto/unit_layout.h has.
absl::StatusOr<std::unique_ptr<Layer>> MakeLayer(
    const Architecture& model, int64_t unit, const PassShape& pass,
    Backend& backend, std::span<const LayerWeight> weights, float loss_scale);

}  // namespace penstock

#endif  // WORKER_MODEL_MAKE_LAYER_H_
