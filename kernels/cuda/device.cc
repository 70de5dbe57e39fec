#include "kernels/cuda/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "kernels/cuda/driver.h"
#include "kernels/cuda/errors.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

absl::Status CheckIndex(const Runtime& runtime, int index) {
  ASSIGN_OR_RETURN(const int count, CountDevices(runtime));
  if (index >= 0 && index < count) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("CUDA device {} was asked for, this process sees {}; see "
                  "CUDA_VISIBLE_DEVICES",
                  index, count));
}

absl::Status Hangs(int device, absl::Duration wait_max) {
  return absl::DeadlineExceededError(fmt::format(
      "CUDA device {} has not finished within {}; it hangs or another process "
      "holds it: see `nvidia-smi` and the kernel's log for an Xid, then start "
      "this process again",
      device, absl::FormatDuration(wait_max)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> Device::Open(const Runtime& runtime,
                                                     int index,
                                                     const WaitOptions& wait) {
  RETURN_IF_ERROR(CheckIndex(runtime, index));
  RETURN_IF_ERROR(CheckCapability(runtime, index).status());
  std::unique_ptr<Device> device(new Device(runtime, index, wait));
  RETURN_IF_ERROR(device->loss_->status());
  // These two create the context.
  RETURN_IF_ERROR(FromCuda(runtime.set_device(index),
                           fmt::format("opening CUDA device {}", index)));
  RETURN_IF_ERROR(FromCuda(runtime.stream_create(&device->stream_),
                           fmt::format("opening CUDA device {}", index)));
  return device;
}

Device::~Device() {
  if (stream_ == nullptr || !loss_->status().ok()) return;
  Wait().IgnoreError();
  if (loss_->status().ok()) runtime_.stream_destroy(stream_);
}

absl::StatusOr<cudaStream_t> Device::Stream() {
  RETURN_IF_ERROR(loss_->status());
  // Cannot fail after it succeeded once; a lost device shows in what follows.
  runtime_.set_device(index_);
  return stream_;
}

absl::Status Device::CheckCount(int64_t bytes,
                                std::string_view operation) const {
  if (bytes >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: count {} is negative", operation, bytes));
}

absl::Status Device::Checked(int error, std::string_view operation) {
  absl::Status status = FromCuda(error, operation);
  if (IsContextLost(error)) loss_->Set(status);
  return status;
}

absl::StatusOr<std::byte*> Device::Allocate(int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "allocate"));
  RETURN_IF_ERROR(Stream().status());
  void* memory = nullptr;
  const int error = runtime_.malloc(&memory, std::max<int64_t>(bytes, 1));
  if (error == cudaSuccess) return static_cast<std::byte*>(memory);
  size_t free = 0;
  size_t total = 0;
  const std::string asked =
      runtime_.mem_get_info(&free, &total) == cudaSuccess
          ? fmt::format(
                "allocating {} bytes on CUDA device {}, of whose {} "
                "are free {}",
                bytes, index_, total, free)
          : fmt::format("allocating {} bytes on CUDA device {}", bytes, index_);
  return Checked(error, asked);
}

absl::StatusOr<std::byte*> Device::AllocateHost(int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "allocate host memory"));
  RETURN_IF_ERROR(Stream().status());
  void* memory = nullptr;
  const int error = runtime_.host_alloc(&memory, std::max<int64_t>(bytes, 1));
  if (error == cudaSuccess) return static_cast<std::byte*>(memory);
  // CUDA has one code for both memories, whose meaning here is not the host's.
  if (error == cudaErrorMemoryAllocation) {
    return absl::ResourceExhaustedError(fmt::format(
        "no {} bytes of page-locked host memory; see `ulimit -l` and the "
        "machine's or container's limit of memory",
        bytes));
  }
  return Checked(error, fmt::format("allocating {} bytes of page-locked host "
                                    "memory",
                                    bytes));
}

void Device::FreeWith(cudaError_t (*free)(void*), std::byte* memory) {
  if (!Stream().ok()) return;
  // CUDA's would wait as well, but without end.
  absl::Status status = Wait();
  if (loss_->status().ok()) {
    const absl::Status freed = Checked(free(memory), "free");
    if (status.ok()) status = freed;
  }
  if (failed_free_.ok()) failed_free_ = status;
}

void Device::Free(std::byte* memory) { FreeWith(runtime_.free, memory); }

void Device::FreeHost(std::byte* memory) {
  FreeWith(runtime_.host_free, memory);
}

absl::Status Device::Copy(const void* from, void* to, int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "copy"));
  ASSIGN_OR_RETURN(const cudaStream_t stream, Stream());
  if (bytes == 0) return absl::OkStatus();
  return Checked(runtime_.memcpy_async(to, from, bytes, stream), "copy");
}

absl::Status Device::Zero(std::byte* memory, int64_t bytes) {
  RETURN_IF_ERROR(CheckCount(bytes, "zero"));
  ASSIGN_OR_RETURN(const cudaStream_t stream, Stream());
  if (bytes == 0) return absl::OkStatus();
  return Checked(runtime_.memset_async(memory, 0, bytes, stream), "zero");
}

absl::Status Device::BeginCapture() {
  ASSIGN_OR_RETURN(const cudaStream_t stream, Stream());
  return Checked(runtime_.begin_capture(stream), "beginning a CUDA graph");
}

absl::StatusOr<cudaGraphExec_t> Device::EndCapture() {
  ASSIGN_OR_RETURN(const cudaStream_t stream, Stream());
  cudaGraph_t graph = nullptr;
  RETURN_IF_ERROR(
      Checked(runtime_.end_capture(stream, &graph), "ending a CUDA graph"));
  cudaGraphExec_t executable = nullptr;
  const int error = runtime_.graph_instantiate(&executable, graph);
  runtime_.graph_destroy(graph);
  RETURN_IF_ERROR(Checked(error, "instantiating a CUDA graph"));
  return executable;
}

absl::Status Device::Launch(cudaGraphExec_t graph) {
  ASSIGN_OR_RETURN(const cudaStream_t stream, Stream());
  return Checked(runtime_.graph_launch(graph, stream),
                 "launching a CUDA graph");
}

void Device::Destroy(cudaGraphExec_t graph) {
  if (Stream().ok()) runtime_.graph_exec_destroy(graph);
}

absl::Status Device::Synchronize() {
  RETURN_IF_ERROR(loss_->status());
  const absl::Status failed_free = std::exchange(failed_free_, {});
  RETURN_IF_ERROR(Wait());
  return failed_free;
}

absl::Status Device::Wait() {
  ASSIGN_OR_RETURN(const cudaStream_t stream, Stream());
  const absl::Time begin = wait_.now();
  for (;;) {
    const int error = runtime_.stream_query(stream);
    if (error != cudaErrorNotReady) {
      return Checked(error, fmt::format("waiting for CUDA device {}", index_));
    }
    // What another thread waits for may show first that the device is lost.
    RETURN_IF_ERROR(loss_->status());
    const absl::Duration waited = wait_.now() - begin;
    if (waited > wait_.wait_max) {
      loss_->Set(Hangs(index_, wait_.wait_max));
      return loss_->status();
    }
    if (waited > wait_.awake) wait_.pause(wait_.asleep);
  }
}

}  // namespace penstock::cuda
