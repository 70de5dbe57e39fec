#ifndef COORDINATOR_PLANNER_SOLVE_DEVICE_ORDERS_H_
#define COORDINATOR_PLANNER_SOLVE_DEVICE_ORDERS_H_

#include <cstdint>
#include <vector>

#include "coordinator/planner/solve/problem.h"

namespace penstock {

// Ways to give each rank one device per replica: orders[i][rank][replica].
struct DeviceOrders {
  std::vector<std::vector<std::vector<int>>> orders;
  // No other way, as far as the problem's flags allow it, can be better.
  bool complete = true;
};

// The ways to lay `pipeline` x `data` of the problem's devices out.
//
// In the order of the problem, rank r of replica q gets device q x pipeline +
// r. Dropped are the slowest, then the smallest. Reordered, the devices of one
// rank are as equal as can be, for a rank is as slow as its slowest device, and
// the ranks' devices are permuted, all different ways if there are at most 120,
// else the fastest first and the fastest last.
DeviceOrders OrdersOf(const SolveProblem& problem, int64_t pipeline,
                      int64_t data);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_DEVICE_ORDERS_H_
