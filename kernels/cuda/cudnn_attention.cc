#include "kernels/cuda/cudnn_attention.h"

#include <cudnn.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/cuda/attention_graph.h"
#include "kernels/cuda/cudnn_graph.h"
#include "kernels/cuda/errors.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

struct HandleDestroyer {
  void operator()(cudnnContext* handle) const { cudnnDestroy(handle); }
};
using Handle = std::unique_ptr<cudnnContext, HandleDestroyer>;

// A graph, compiled.
struct Plan {
  CudnnDescriptor execution;
  int64_t workspace_bytes = 0;
};

// What a plan depends on: shape, strides, direction.
using Key = std::tuple<std::array<int64_t, 6>, AttentionStrides, bool>;

AttentionStrides StridesOf(const AttentionTensors& tensors) {
  return {.q = tensors.q.stride,
          .k = tensors.k.stride,
          .v = tensors.v.stride,
          .out = tensors.out.stride,
          .dout = tensors.dout.stride,
          .dq = tensors.dq.stride,
          .dk = tensors.dk.stride,
          .dv = tensors.dv.stride};
}

Key KeyOf(const AttentionTensors& tensors, bool backward) {
  const AttentionShape& shape = tensors.shape;
  return {{shape.batch, shape.sequence, shape.heads, shape.head_dim,
           shape.before, shape.groups()},
          StridesOf(tensors),
          backward};
}

// The graphs say that every row begins at 16 bytes.
bool AreAligned(std::initializer_list<ConstTensor> tensors) {
  constexpr int64_t kPerAlignment = 8;
  for (const ConstTensor& tensor : tensors) {
    if (tensor.data == nullptr) continue;
    if (reinterpret_cast<uintptr_t>(tensor.data) % 16 != 0 ||
        tensor.stride % kPerAlignment != 0) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<Plan> Compile(const CudnnEngine& engine, cudnnHandle_t handle) {
  Plan plan;
  ASSIGN_OR_RETURN(plan.execution,
                   MakeDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR));
  RETURN_IF_ERROR(SetAttribute(plan.execution, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
                               CUDNN_TYPE_HANDLE, 1, &handle));
  const cudnnBackendDescriptor_t config = engine.config.get();
  RETURN_IF_ERROR(SetAttribute(plan.execution,
                               CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config));
  RETURN_IF_ERROR(Finalize(plan.execution));
  int64_t count = 0;
  RETURN_IF_ERROR(FromCudnn(
      cudnnBackendGetAttribute(
          plan.execution.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
          CUDNN_TYPE_INT64, 1, &count, &plan.workspace_bytes),
      "cuDNN plan's workspace"));
  return plan;
}

// Of the first engine that compiles; null if there is none.
absl::StatusOr<std::unique_ptr<Plan>> MakePlan(const AttentionTensors& tensors,
                                               bool backward,
                                               AttentionForm form,
                                               cudnnHandle_t handle) {
  const AttentionStrides strides = StridesOf(tensors);
  const bool deterministic = form == AttentionForm::kDeterministic;
  const absl::StatusOr<CudnnDescriptor> graph =
      backward
          ? BackwardAttention(tensors.shape, strides, deterministic, handle)
          : ForwardAttention(tensors.shape, strides, handle);
  if (absl::IsUnimplemented(graph.status())) return nullptr;
  RETURN_IF_ERROR(graph.status());
  const absl::StatusOr<std::vector<CudnnEngine>> engines =
      FindEngines(*graph, nullptr);
  if (absl::IsUnimplemented(engines.status())) return nullptr;
  RETURN_IF_ERROR(engines.status());
  for (const CudnnEngine& engine : *engines) {
    absl::StatusOr<Plan> plan = Compile(engine, handle);
    if (absl::IsUnimplemented(plan.status())) continue;
    RETURN_IF_ERROR(plan.status());
    return std::make_unique<Plan>(*std::move(plan));
  }
  return nullptr;
}

// The addresses of one call.
class Addresses {
 public:
  void Add(AttentionUid uid, const void* address) {
    uids_.push_back(uid);
    addresses_.push_back(const_cast<void*>(address));
  }

  absl::Status Execute(cudnnHandle_t handle, const Plan& plan,
                       void* workspace) {
    ASSIGN_OR_RETURN(const CudnnDescriptor pack,
                     MakeDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR));
    RETURN_IF_ERROR(SetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                 CUDNN_TYPE_INT64, std::ssize(uids_),
                                 uids_.data()));
    RETURN_IF_ERROR(SetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                 CUDNN_TYPE_VOID_PTR, std::ssize(addresses_),
                                 addresses_.data()));
    RETURN_IF_ERROR(SetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                 CUDNN_TYPE_VOID_PTR, 1, &workspace));
    RETURN_IF_ERROR(Finalize(pack));
    return FromCudnn(
        cudnnBackendExecute(handle, plan.execution.get(), pack.get()),
        "attention");
  }

 private:
  std::vector<int64_t> uids_;
  std::vector<void*> addresses_;
};

// Host scalars of a call; cuDNN reads them while it queues.
struct Scalars {
  explicit Scalars(const AttentionShape& shape)
      : scale(1.0f / std::sqrt(static_cast<float>(shape.head_dim))),
        before(static_cast<int32_t>(shape.before)) {}

  void AddTo(Addresses& addresses) const {
    addresses.Add(kScale, &scale);
    addresses.Add(kMinusInfinity, &minus_infinity);
    if (before > 0) addresses.Add(kBefore, &before);
  }

  float scale;
  float minus_infinity = -std::numeric_limits<float>::infinity();
  float one = 1;
  int32_t before;
};

class CudnnAttention final : public FusedAttention {
 public:
  CudnnAttention(Device& device, AttentionForm form, Handle handle)
      : device_(device), form_(form), handle_(std::move(handle)) {}

  ~CudnnAttention() override {
    for (std::byte* const memory : allocations_) device_.Free(memory);
  }

  absl::StatusOr<bool> Takes(const AttentionTensors& tensors,
                             bool backward) override {
    const AttentionShape& shape = tensors.shape;
    if (tensors.q.type != DataType::kBFloat16 || shape.batch == 0 ||
        shape.sequence == 0 || shape.heads == 0 ||
        !AreAligned({tensors.q, tensors.k, tensors.v, tensors.out, tensors.dout,
                     tensors.dq, tensors.dk, tensors.dv})) {
      return false;
    }
    ASSIGN_OR_RETURN(const Plan* const plan, PlanFor(tensors, backward));
    return plan != nullptr;
  }

  absl::Status Forward(cudaStream_t stream,
                       const AttentionTensors& tensors) override {
    const Scalars scalars(tensors.shape);
    Addresses addresses;
    addresses.Add(kQ, tensors.q.data);
    addresses.Add(kK, tensors.k.data);
    addresses.Add(kV, tensors.v.data);
    addresses.Add(kOut, tensors.out.data);
    addresses.Add(kLse, tensors.lse);
    scalars.AddTo(addresses);
    ASSIGN_OR_RETURN(const Plan* const plan, PlanFor(tensors, false));
    RETURN_IF_ERROR(Reserve(plan->workspace_bytes));
    return Run(stream, *plan, addresses, memory_);
  }

  absl::Status Backward(cudaStream_t stream,
                        const AttentionTensors& tensors) override {
    const AttentionShape& shape = tensors.shape;
    ASSIGN_OR_RETURN(const Plan* const plan, PlanFor(tensors, true));
    // Behind each other: delta, the partial sums of dq, cuDNN's own.
    const int64_t delta_bytes =
        Aligned(shape.batch * shape.heads * shape.sequence * 4);
    const int64_t partial_bytes = form_ == AttentionForm::kDeterministic
                                      ? 0
                                      : delta_bytes * shape.head_dim;
    RETURN_IF_ERROR(
        Reserve(delta_bytes + partial_bytes + plan->workspace_bytes));
    const Scalars scalars(shape);
    Addresses addresses;
    addresses.Add(kQ, tensors.q.data);
    addresses.Add(kK, tensors.k.data);
    addresses.Add(kV, tensors.v.data);
    addresses.Add(kOut, tensors.out.data);
    addresses.Add(kLse, tensors.lse);
    addresses.Add(kDOut, tensors.dout.data);
    addresses.Add(kDQ, tensors.dq.data);
    addresses.Add(kDK, tensors.dk.data);
    addresses.Add(kDV, tensors.dv.data);
    addresses.Add(kDelta, memory_);
    if (partial_bytes > 0) addresses.Add(kPartialDQ, memory_ + delta_bytes);
    addresses.Add(kOne, &scalars.one);
    scalars.AddTo(addresses);
    return Run(stream, *plan, addresses, memory_ + delta_bytes + partial_bytes);
  }

 private:
  absl::Status Annotated(const absl::Status& status) const {
    return absl::Status(
        status.code(),
        fmt::format("what {} attention keeps between its kernels: {}; use "
                    "smaller micro-batches{}",
                    form_ == AttentionForm::kFast ? "fast" : "deterministic",
                    std::string(status.message()),
                    form_ == AttentionForm::kFast ? "" : " or the fast form"));
  }

  static int64_t Aligned(int64_t bytes) { return (bytes + 255) / 256 * 256; }

  absl::Status Run(cudaStream_t stream, const Plan& plan, Addresses& addresses,
                   void* workspace) {
    RETURN_IF_ERROR(
        FromCudnn(cudnnSetStream(handle_.get(), stream), "attention"));
    return addresses.Execute(handle_.get(), plan, workspace);
  }

  // Null if cuDNN has no engine for it.
  absl::StatusOr<const Plan*> PlanFor(const AttentionTensors& tensors,
                                      bool backward) {
    const Key key = KeyOf(tensors, backward);
    auto found = plans_.find(key);
    if (found == plans_.end()) {
      ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan,
                       MakePlan(tensors, backward, form_, handle_.get()));
      found = plans_.emplace(key, std::move(plan)).first;
    }
    return found->second.get();
  }

  // What is queued, and what graphs replay, still uses the memory that is too
  // small: it stays.
  absl::Status Reserve(int64_t bytes) {
    if (bytes <= bytes_) return absl::OkStatus();
    const absl::StatusOr<std::byte*> memory = device_.Allocate(bytes);
    if (!memory.ok()) return Annotated(memory.status());
    memory_ = *memory;
    allocations_.push_back(memory_);
    bytes_ = bytes;
    return absl::OkStatus();
  }

  Device& device_;
  const AttentionForm form_;
  const Handle handle_;
  std::map<Key, std::unique_ptr<Plan>> plans_;
  std::vector<std::byte*> allocations_;
  std::byte* memory_ = nullptr;  // The last and largest one.
  int64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FusedAttention>> MakeCudnnAttention(
    Device& device, AttentionForm form) {
  // The handle is for the current device.
  RETURN_IF_ERROR(device.Stream().status());
  cudnnHandle_t made = nullptr;
  RETURN_IF_ERROR(FromCudnn(cudnnCreate(&made), "starting cuDNN"));
  return std::make_unique<CudnnAttention>(device, form, Handle(made));
}

}  // namespace penstock::cuda
