#include "coordinator/planner/solve/device_types.h"

#include <map>
#include <utility>

#include "coordinator/planner/solve/saturating.h"

namespace penstock {

std::vector<DeviceType> TypesOf(const std::vector<SolveDevice>& devices) {
  std::vector<DeviceType> types;
  std::map<std::pair<int64_t, int64_t>, size_t> known;
  for (size_t device = 0; device < devices.size(); ++device) {
    const auto [place, is_new] = known.try_emplace(
        {devices[device].memory_bytes, devices[device].speed_millionths},
        types.size());
    if (is_new) {
      types.push_back({.memory_bytes = devices[device].memory_bytes,
                       .speed_millionths = devices[device].speed_millionths});
    }
    types[place->second].devices.push_back(static_cast<int>(device));
  }
  return types;
}

DeviceSequence::DeviceSequence(const std::vector<SolveDevice>& devices,
                               bool drop, bool reorder)
    : drop_(drop), reorder_(reorder), types_(TypesOf(devices)) {
  type_of_device_.resize(devices.size());
  int64_t positions = 1;
  for (size_t type = 0; type < types_.size(); ++type) {
    unit_.push_back(positions);
    const auto count = static_cast<int64_t>(types_[type].devices.size());
    positions = SaturatingProduct(positions, count + 1);
    for (const int device : types_[type].devices) {
      type_of_device_[device] = static_cast<int>(type);
    }
  }
  numbered_ = !reorder || positions < kBytesBeyond;
}

std::vector<DeviceSequence::Next> DeviceSequence::After(
    int64_t position, int64_t stages_left) const {
  std::vector<Next> next;
  if (reorder_) {
    for (size_t type = 0; type < types_.size(); ++type) {
      const auto count = static_cast<int64_t>(types_[type].devices.size());
      if (position / unit_[type] % (count + 1) == count) continue;
      next.push_back({static_cast<int>(type), position + unit_[type]});
    }
    return next;
  }
  const auto devices = static_cast<int64_t>(type_of_device_.size());
  const int64_t end = drop_ ? devices - stages_left + 1 : position + 1;
  for (int64_t device = position; device < end; ++device) {
    next.push_back({type_of_device_[device], device + 1});
  }
  return next;
}

std::vector<int> DeviceSequence::Devices(const std::vector<int>& types) const {
  std::vector<int> devices;
  std::vector<size_t> used(types_.size());
  size_t device = 0;
  for (const int type : types) {
    if (reorder_) {
      devices.push_back(types_[type].devices[used[type]++]);
      continue;
    }
    while (type_of_device_[device] != type) ++device;
    devices.push_back(static_cast<int>(device++));
  }
  return devices;
}

}  // namespace penstock
