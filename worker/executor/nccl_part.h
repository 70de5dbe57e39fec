#ifndef WORKER_EXECUTOR_NCCL_PART_H_
#define WORKER_EXECUTOR_NCCL_PART_H_

#include <vector>

#include "proto/plan.h"

namespace penstock {

// What one executor of a plan exchanges by NCCL; as in NcclLinkOptions.
struct NcclPart {
  std::vector<std::vector<int>> edges;
  std::vector<int> group;

  bool empty() const { return edges.empty() && group.empty(); }
};

// Of peer `self`. A pure function.
NcclPart NcclPartOf(const Plan& plan, int self);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_NCCL_PART_H_
