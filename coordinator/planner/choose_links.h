#ifndef COORDINATOR_PLANNER_CHOOSE_LINKS_H_
#define COORDINATOR_PLANNER_CHOOSE_LINKS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// How the tensors of each edge, and the sums over replicas of each rank, travel
// when the plan's ranks are on `devices`, index replica * ranks + rank: by NCCL
// where all that take part are CUDA devices with the same version of it, else
// by gRPC; with the reason. Ways that are alike are one LinkPlan.
//
// Edges are those between ranks with neighbouring stages of a copy of the
// model, both ways; between the first and the last stage's, which may share a
// tied embedding; and between those that have copies of the same slice.
//
// Pure.
//
// Errors:
//   FailedPrecondition: the job asks for nccl, and a way cannot be: which, why.
absl::StatusOr<std::vector<LinkPlan>> ChooseLinks(
    const Plan& plan, const std::vector<DeviceShape>& devices);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_CHOOSE_LINKS_H_
