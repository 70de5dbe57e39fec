#ifndef WORKER_RUNTIME_RANK_STAGES_H_
#define WORKER_RUNTIME_RANK_STAGES_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "proto/plan.h"
#include "worker/runtime/batch_reader.h"
#include "worker/runtime/rank_memory.h"
#include "worker/runtime/stage.h"
#include "worker/runtime/weight_versions.h"

namespace penstock {

// The stages of the rank that `memory` was cut for, in its order. `data` is
// null on ranks without a first or last stage, `versions` where the plan has
// none. All must outlive the stages.
//
// Errors: those of MakeLayer.
absl::StatusOr<std::vector<std::unique_ptr<Stage>>> MakeRankStages(
    const Plan& plan, const RankMemory& memory, Backend& backend,
    BatchReader* data, const WeightVersions* versions);

}  // namespace penstock

#endif  // WORKER_RUNTIME_RANK_STAGES_H_
