#ifndef COORDINATOR_SERVICE_PLAN_REVISER_H_
#define COORDINATOR_SERVICE_PLAN_REVISER_H_

#include "coordinator/service/cluster.h"

namespace penstock {

// Makes the plans that are due (see PlanRevisions) again from the traces of
// their steps, without the cluster's lock: that may take as long as it takes to
// simulate every schedule. Failures are logged; the plan in force stays.
void ReviseDuePlans(Cluster& cluster);

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_PLAN_REVISER_H_
