#ifndef COORDINATOR_CLI_SCHEDULE_FLAGS_H_
#define COORDINATOR_CLI_SCHEDULE_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/request.h"
#include "coordinator/schedule/schedule.h"

namespace penstock {

// Times of a schedule's actions as people give them: each list is empty, has
// one value for all, or one per stage of the model (per link between such
// stages for the last three).
struct CostFlags {
  std::vector<double> forward_us;
  std::vector<double> input_gradient_us;
  std::vector<double> weight_gradient_us;
  std::vector<double> overlapped_pair_us;
  std::vector<double> transfer_us;
  std::vector<double> bandwidth_gbps;
  std::vector<double> boundary_bytes;

  bool empty() const;
};

// Adds --forward-us and so on.
void AddCostFlags(CLI::App& command, CostFlags& flags);

// The costs of a model in so many slices, in microseconds. Unit costs, i.e. F =
// I = W = 1 and free hops, where a list is empty.
//
// Errors:
//   InvalidArgument: a list has as many values as neither fits, one is negative
//     or not finite, or one of bandwidth and bytes is missing; by its flag.
absl::StatusOr<ScheduleCosts> SliceCosts(const CostFlags& flags, int slices);

// The same of a schedule's stages: those of all copies of the model.
absl::StatusOr<ScheduleCosts> CostsOf(const CostFlags& flags,
                                      const Schedule& schedule);

// A schedule by its name and what it is made for. The last four are for
// "auto".
struct ScheduleFlags {
  std::string name;
  ScheduleRequest request;
  std::string recompute = "never";
  uint64_t seed = 0;
  std::string budget = "4000";  // Schedules to try, or a duration.
  std::string objective = "makespan";
  bool two_copies = false;
};

// Adds --schedule, --ranks, --microbatches and what single schedules know.
void AddScheduleFlags(CLI::App& command, ScheduleFlags& flags);

// Adds --seed, --budget and what else "auto" knows.
void AddSearchFlags(CLI::App& command, ScheduleFlags& flags);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_FLAGS_H_
