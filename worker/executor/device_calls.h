#ifndef WORKER_EXECUTOR_DEVICE_CALLS_H_
#define WORKER_EXECUTOR_DEVICE_CALLS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "proto/base/mutex.h"

namespace penstock {

// The calls of one user of a device, a backend or a queue of copies: written by
// the thread that uses it, read by any.
class DeviceCallLine {
 public:
  // `number` is the line's among those of a process. A call longer than
  // `call_max` is stuck.
  DeviceCallLine(uint64_t number, absl::Duration call_max)
      : number(number), call_max(call_max) {}

  const uint64_t number;
  const absl::Duration call_max;

 private:
  friend class DeviceCall;
  friend class DeviceCalls;

  std::atomic<const char*> operation_ = nullptr;  // Null outside of calls.
  std::atomic<uint64_t> changes_ = 0;  // Beginnings and ends of calls.
};

// A call into the driver or one of its libraries, for as long as it takes. May
// hold others of its line, whose beginnings and ends show that it goes on.
class DeviceCall {
 public:
  // `operation` is a literal, for people: "synchronize".
  DeviceCall(DeviceCallLine& line, const char* operation);
  ~DeviceCall();
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;

 private:
  DeviceCallLine& line_;
  const char* const outer_;
};

// A call that has not returned, as it was seen.
struct OpenDeviceCall {
  uint64_t line = 0;
  // As long as it stays the same, no call of the line has begun or ended.
  uint64_t change = 0;
  const char* operation = nullptr;
  absl::Duration call_max;
};

// All lines of a process. Thread-safe.
class DeviceCalls {
 public:
  // A line that is looked at until it is released.
  std::shared_ptr<DeviceCallLine> Add(absl::Duration call_max);

  // At most one of each line, in the order in which they were added.
  std::vector<OpenDeviceCall> Open();

 private:
  Mutex mutex_;
  uint64_t added_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::weak_ptr<DeviceCallLine>> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_EXECUTOR_DEVICE_CALLS_H_
