#include "worker/executor/nccl_part.h"

#include <algorithm>

namespace penstock {

NcclPart NcclPartOf(const Plan& plan, int self) {
  NcclPart part;
  for (const LinkPlan& link : plan.links) {
    if (!link.nccl) continue;
    for (const Communicator& communicator : link.communicators) {
      const std::vector<int>& members = communicator.members;
      if (std::find(members.begin(), members.end(), self) == members.end()) {
        continue;
      }
      if (communicator.group) {
        part.group = members;
      } else {
        part.edges.push_back(members);
      }
    }
  }
  return part;
}

}  // namespace penstock
