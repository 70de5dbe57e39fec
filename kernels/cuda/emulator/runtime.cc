#include "kernels/cuda/emulator/runtime.h"

#include <cuda_runtime.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

struct CUgraph_st {
  std::vector<penstock::cuda::emulator::Operation> operations;
};
struct CUgraphExec_st {
  CUgraph_st graph;
};

namespace penstock::cuda::emulator {
namespace {

template <int kValue>
cudaError_t Answer(int* value) {
  *value = kValue;
  return cudaSuccess;
}

// What goes wrong after so many calls, which tests of whole processes ask for
// by PENSTOCK_EMULATED_FAULT=<fault>:<calls before it>. A number is the error
// that queries of streams answer from then on: an endless cudaErrorNotReady is
// a device that hangs. The name of a call, "malloc" or "graph_launch", is one
// that does not return, as when the driver waits for a device that hangs.
struct Fault {
  std::string_view name;  // Empty: nothing does.
  int error = 0;          // 0: the name is no number.
  int calls = 0;
};

Fault ReadFault() {
  const char* const text = std::getenv("PENSTOCK_EMULATED_FAULT");
  if (text == nullptr) return {};
  const char* const colon = std::strchr(text, ':');
  return {.name = {text, static_cast<size_t>(colon - text)},
          .error = std::atoi(text),
          .calls = std::atoi(colon + 1)};
}

const Fault& AskedFault() {
  static const Fault fault = ReadFault();
  return fault;
}

// Counts a call that the fault is about.
bool IsDue() {
  static std::atomic<int> calls = 0;
  return ++calls > AskedFault().calls;
}

std::optional<cudaError_t> QueryFault() {
  const int error = AskedFault().error;
  if (error == 0 || !IsDue()) return std::nullopt;
  return static_cast<cudaError_t>(error);
}

void BlockIfAsked(std::string_view call) {
  if (call != AskedFault().name || !IsDue()) return;
  for (;;) ::pause();
}

constexpr Runtime kEmulated{
    .driver_get_version = Answer<13000>,
    .runtime_get_version = Answer<13000>,
    .get_device_count = Answer<1>,
    .compute_capability = [](int /*device*/,
                             int* value) { return Answer<90>(value); },
    .get_properties =
        [](int /*device*/, DeviceProperties* properties) {
          *properties = {.name = "emulated",
                         .memory_bytes = kDeviceBytes,
                         .multiprocessors = 1,
                         .clock_khz = 1000};
          return cudaSuccess;
        },
    .set_device = [](int /*device*/) { return cudaSuccess; },
    .stream_create =
        [](cudaStream_t* stream) {
          *stream = MakeStream();
          return cudaSuccess;
        },
    .stream_destroy =
        [](cudaStream_t stream) {
          DestroyStream(stream);
          return cudaSuccess;
        },
    .stream_query =
        [](cudaStream_t stream) {
          if (SpoilCaptureOf(stream)) return cudaErrorStreamCaptureUnsupported;
          const bool done = IsDone(stream);
          if (const auto fault = QueryFault()) return *fault;
          return done ? cudaSuccess : cudaErrorNotReady;
        },
    .malloc =
        [](void** memory, size_t bytes) {
          BlockIfAsked("malloc");
          return cudaMalloc(memory, bytes);
        },
    .free = cudaFree,
    .mem_get_info =
        [](size_t* free, size_t* total) {
          *free = FreeDeviceBytes();
          *total = kDeviceBytes;
          return cudaSuccess;
        },
    .host_alloc =
        [](void** memory, size_t bytes) {
          *memory = std::malloc(bytes);
          return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
        },
    .host_free =
        [](void* memory) {
          WaitForAll();
          std::free(memory);
          return cudaSuccess;
        },
    .memcpy_async =
        [](void* to, const void* from, size_t bytes, cudaStream_t stream) {
          return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
        },
    .memset_async = cudaMemsetAsync,
    .begin_capture =
        [](cudaStream_t stream) {
          BeginCapture(stream);
          return cudaSuccess;
        },
    .end_capture =
        [](cudaStream_t stream, cudaGraph_t* graph) {
          auto operations = EndCapture(stream);
          if (!operations) return cudaErrorStreamCaptureInvalidated;
          *graph = new CUgraph_st{*std::move(operations)};
          return cudaSuccess;
        },
    .graph_destroy =
        [](cudaGraph_t graph) {
          delete graph;
          return cudaSuccess;
        },
    .graph_instantiate =
        [](cudaGraphExec_t* executable, cudaGraph_t graph) {
          *executable = new CUgraphExec_st{*graph};
          return cudaSuccess;
        },
    .graph_launch =
        [](cudaGraphExec_t executable, cudaStream_t stream) {
          BlockIfAsked("graph_launch");
          for (const Operation& operation : executable->graph.operations) {
            Enqueue(stream, operation);
          }
          return cudaSuccess;
        },
    .graph_exec_destroy =
        [](cudaGraphExec_t executable) {
          delete executable;
          return cudaSuccess;
        },
};

}  // namespace

const Runtime& EmulatedRuntime() { return kEmulated; }

}  // namespace penstock::cuda::emulator
