#ifndef KERNELS_CUDA_GRAPHS_H_
#define KERNELS_CUDA_GRAPHS_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kernels/backend.h"
#include "kernels/cuda/device.h"

namespace penstock::cuda {

// What a backend's Replay queues, taken down as CUDA graphs where that pays.
//
// The first call of a key only queues: libraries compile, load and allocate
// then. The second is measured where the use is kWherePaying; the third, or
// else the second, is taken down and launched, and all later ones are launched.
// Whatever fails in that but costs the device nothing leaves the key without a
// graph, and is no error.
//
// Thread-compatible.
class Graphs {
 public:
  // Keys beyond are queued each time.
  static constexpr size_t kKeysMax = 1024;

  // `device` must outlive this.
  Graphs(Device& device, GraphUse use) : device_(device), use_(use) {}

  // The device must be done with what it launched, or lost.
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  // See Backend.
  absl::Status Replay(uint64_t key, const std::function<absl::Status()>& queue);

  // To be called when the device is done with all that was queued.
  void EndMeasuring();

 private:
  // What the next call is to be.
  enum class State { kMeasured, kCaptured, kLaunched, kQueued };
  struct Entry {
    State state = State::kQueued;
    cudaGraphExec_t graph = nullptr;
  };
  // A measured call whose end is not yet known.
  struct Measured {
    Entry* entry = nullptr;
    absl::Time begin;
    absl::Duration queueing;
  };

  absl::Status Measure(Entry& entry,
                       const std::function<absl::Status()>& queue);
  absl::Status CaptureAndLaunch(Entry& entry,
                                const std::function<absl::Status()>& queue);
  absl::StatusOr<cudaGraphExec_t> Capture(
      const std::function<absl::Status()>& queue);

  Device& device_;
  const GraphUse use_;
  std::map<uint64_t, Entry> entries_;
  std::vector<Measured> measured_;
};

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_GRAPHS_H_
