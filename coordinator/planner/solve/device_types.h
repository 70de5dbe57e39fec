#ifndef COORDINATOR_PLANNER_SOLVE_DEVICE_TYPES_H_
#define COORDINATOR_PLANNER_SOLVE_DEVICE_TYPES_H_

#include <cstdint>
#include <vector>

#include "coordinator/planner/solve/problem.h"

namespace penstock {

// Devices that are as good as each other.
struct DeviceType {
  int64_t memory_bytes = 0;
  int64_t speed_millionths = 0;
  std::vector<int> devices;  // Their numbers, ascending.
};

// The types in the order of their first devices.
std::vector<DeviceType> TypesOf(const std::vector<SolveDevice>& devices);

// Which devices may follow each other as the stages of a pipeline:
//   neither flag: the first, the second, ...
//   drop:         any of those after the one before
//   reorder:      any that is left, of each type the first
// A position is a number: 0 before the first stage.
class DeviceSequence {
 public:
  struct Next {
    int type = 0;
    int64_t position = 0;
  };

  DeviceSequence(const std::vector<SolveDevice>& devices, bool drop,
                 bool reorder);

  const std::vector<DeviceType>& types() const { return types_; }

  // False when there are too many positions to number (more than 2^62).
  bool numbered() const { return numbered_; }

  // What may come next, `stages_left` stages (this one included) from the end.
  std::vector<Next> After(int64_t position, int64_t stages_left) const;

  // The devices of stages that have these types, by After's rules.
  std::vector<int> Devices(const std::vector<int>& types) const;

 private:
  bool drop_;
  bool reorder_;
  bool numbered_ = true;
  std::vector<DeviceType> types_;
  std::vector<int> type_of_device_;
  // Reordered, a position says how many of each type are used: digit t counts
  // in units of unit_[t].
  std::vector<int64_t> unit_;
};

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_DEVICE_TYPES_H_
