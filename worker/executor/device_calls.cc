#include "worker/executor/device_calls.h"

namespace penstock {

// Who reads the operation of one call with the number of another takes it for a
// call that has just changed, and looks again.
DeviceCall::DeviceCall(DeviceCallLine& line, const char* operation)
    : line_(line), outer_(line.operation_) {
  line_.operation_ = operation;
  ++line_.changes_;
}

DeviceCall::~DeviceCall() {
  line_.operation_ = outer_;
  ++line_.changes_;
}

std::shared_ptr<DeviceCallLine> DeviceCalls::Add(absl::Duration call_max) {
  MutexLock lock(mutex_);
  auto line = std::make_shared<DeviceCallLine>(added_++, call_max);
  std::erase_if(lines_, [](const auto& other) { return other.expired(); });
  lines_.push_back(line);
  return line;
}

std::vector<OpenDeviceCall> DeviceCalls::Open() {
  std::vector<OpenDeviceCall> open;
  MutexLock lock(mutex_);
  for (const std::weak_ptr<DeviceCallLine>& weak : lines_) {
    const std::shared_ptr<DeviceCallLine> line = weak.lock();
    if (line == nullptr) continue;
    const char* const operation = line->operation_;
    if (operation == nullptr) continue;
    open.push_back({.line = line->number,
                    .change = line->changes_,
                    .operation = operation,
                    .call_max = line->call_max});
  }
  return open;
}

}  // namespace penstock
