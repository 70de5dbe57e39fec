#include "kernels/cuda/fake_runtime.h"

#include <cstdlib>

namespace penstock::cuda {
namespace {

cudaError_t Error(int code) { return static_cast<cudaError_t>(code); }

cudaError_t Allocate(int error, void** memory, size_t bytes) {
  if (error != 0) return Error(error);
  *memory = std::malloc(bytes);
  ++fake.allocations;
  return cudaSuccess;
}

cudaError_t Free(void* memory) {
  std::free(memory);
  --fake.allocations;
  return Error(fake.free_error);
}

cudaError_t Query(cudaStream_t /*stream*/) {
  ++fake.queries;
  if (fake.queries_not_ready == 0) return Error(fake.query_error);
  --fake.queries_not_ready;
  return Error(600);
}

constexpr Runtime kFake{
    .driver_get_version =
        [](int* version) {
          *version = fake.driver_version;
          return cudaSuccess;
        },
    .runtime_get_version =
        [](int* version) {
          *version = 13010;
          return cudaSuccess;
        },
    .get_device_count =
        [](int* count) {
          *count = fake.device_count;
          return Error(fake.device_count_error);
        },
    .compute_capability =
        [](int device, int* capability) {
          *capability = device == 0 ? fake.capability : fake.others_capability;
          return cudaSuccess;
        },
    .get_properties =
        [](int /*device*/, DeviceProperties* properties) {
          *properties = {.name = "NVIDIA H200",
                         .memory_bytes = 150'000'000'000,
                         .multiprocessors = 132,
                         .clock_khz = 1'980'000};
          return Error(fake.properties_error);
        },
    .set_device =
        [](int device) {
          fake.current_device = device;
          ++fake.contexts;
          return cudaSuccess;
        },
    .stream_create =
        [](cudaStream_t* stream) {
          if (fake.stream_error != 0) return Error(fake.stream_error);
          *stream = reinterpret_cast<cudaStream_t>(&fake);
          ++fake.streams;
          return cudaSuccess;
        },
    .stream_destroy =
        [](cudaStream_t /*stream*/) {
          --fake.streams;
          return cudaSuccess;
        },
    .stream_query = Query,
    .malloc =
        [](void** memory, size_t bytes) {
          return Allocate(fake.malloc_error, memory, bytes);
        },
    .free = Free,
    .mem_get_info =
        [](size_t* free, size_t* total) {
          *free = 100;
          *total = 1000;
          ++fake.contexts;
          return cudaSuccess;
        },
    .host_alloc =
        [](void** memory, size_t bytes) {
          return Allocate(fake.host_alloc_error, memory, bytes);
        },
    .host_free = Free,
    .memcpy_async =
        [](void* /*to*/, const void* /*from*/, size_t /*bytes*/,
           cudaStream_t /*stream*/) { return Error(fake.copy_error); },
    .memset_async = [](void* /*memory*/, int /*value*/, size_t /*bytes*/,
                       cudaStream_t /*stream*/) { return cudaSuccess; },
};

absl::Time Now() {
  fake.now += absl::Microseconds(1);
  return fake.now;
}

void Pause(absl::Duration duration) {
  fake.now += duration;
  fake.paused += duration;
}

}  // namespace

FakeAnswers fake;

const Runtime& FakeRuntime() { return kFake; }

WaitOptions FakeWait(absl::Duration wait_max) {
  return {.wait_max = wait_max, .now = Now, .pause = Pause};
}

}  // namespace penstock::cuda
