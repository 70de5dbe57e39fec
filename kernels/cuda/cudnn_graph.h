#ifndef KERNELS_CUDA_CUDNN_GRAPH_H_
#define KERNELS_CUDA_CUDNN_GRAPH_H_

#include <cudnn.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::cuda {

struct CudnnDescriptorDestroyer {
  void operator()(cudnnBackendDescriptor_t descriptor) const {
    cudnnBackendDestroyDescriptor(descriptor);
  }
};

// A descriptor of cuDNN's backend API.
using CudnnDescriptor =
    std::unique_ptr<std::remove_pointer_t<cudnnBackendDescriptor_t>,
                    CudnnDescriptorDestroyer>;

absl::StatusOr<CudnnDescriptor> MakeDescriptor(
    cudnnBackendDescriptorType_t type);
absl::Status SetAttribute(const CudnnDescriptor& descriptor,
                          cudnnBackendAttributeName_t name,
                          cudnnBackendAttributeType_t type, int64_t count,
                          const void* values);
absl::Status Finalize(const CudnnDescriptor& descriptor);

// A graph of operations on 4-dimensional tensors, which cuDNN fuses into few
// kernels. Neither building it nor asking for engines needs a device. The first
// error is kept and comes from Finish; what is added after it is nothing.
//
// Thread-compatible.
class CudnnGraph {
 public:
  using Dims = std::array<int64_t, 4>;

  // A tensor of this graph.
  struct Ref {
    int index = -1;
  };

  // In memory, with the strides' unit an element and 16 bytes' alignment; `uid`
  // names it when the graph runs.
  Ref Tensor(int64_t uid, cudnnDataType_t type, const Dims& dims,
             const Dims& strides);
  // A host scalar, given when the graph runs.
  Ref Scalar(int64_t uid, cudnnDataType_t type);
  // Between two operations, never in memory.
  Ref Virtual(cudnnDataType_t type, const Dims& dims);
  // Virtual with strides, for a view.
  Ref VirtualView(cudnnDataType_t type, const Dims& dims, const Dims& strides);

  // c = a b over the last two dimensions.
  void Matmul(Ref a, Ref b, Ref c);
  // y = mode(x), or mode(x, b).
  void Pointwise(cudnnPointwiseMode_t mode, Ref x, Ref y);
  void Pointwise(cudnnPointwiseMode_t mode, Ref x, Ref b, Ref y);
  // y = x + b of integers.
  void Add(Ref x, Ref b, Ref y);
  // y = x >= b as booleans.
  void GreaterOrEqual(Ref x, Ref b, Ref y);
  // y = condition ? x : b.
  void Select(Ref x, Ref b, Ref condition, Ref y);
  // y[i] = i's coordinate along `axis`, in x's shape.
  void Index(int64_t axis, Ref x, Ref y);
  // Over the dimensions that y has as 1.
  void Reduce(cudnnReduceTensorOp_t operation, Ref x, Ref y);
  // y is x seen with other strides.
  void Reshape(Ref x, Ref y);

  // The whole graph. `handle` may be null where it will not run.
  absl::StatusOr<CudnnDescriptor> Finish(cudnnHandle_t handle);

 private:
  Ref Keep(absl::StatusOr<CudnnDescriptor> descriptor);
  Ref AddTensor(int64_t uid, cudnnDataType_t type, const Dims& dims,
                const Dims& strides, bool is_virtual, bool is_by_value);
  absl::StatusOr<CudnnDescriptor> MakeTensor(int64_t uid, cudnnDataType_t type,
                                             const Dims& dims,
                                             const Dims& strides,
                                             bool is_virtual, bool is_by_value);

  struct Operand {
    cudnnBackendAttributeName_t name;
    Ref ref;
  };
  // Adds an operation of `type` with `settings` as its attribute `name`.
  void AddOperation(cudnnBackendDescriptorType_t type,
                    cudnnBackendAttributeName_t name,
                    absl::StatusOr<CudnnDescriptor> settings,
                    const std::vector<Operand>& operands);
  absl::Status TryAddOperation(cudnnBackendDescriptorType_t type,
                               cudnnBackendAttributeName_t name,
                               absl::StatusOr<CudnnDescriptor> settings,
                               const std::vector<Operand>& operands);
  void AddPointwise(cudnnPointwiseMode_t mode, cudnnDataType_t precision,
                    int64_t axis, const std::vector<Operand>& operands);

  absl::Status status_;
  int64_t virtual_uid_ = 1 << 20;
  // Tensors and settings; operations point at them.
  std::vector<CudnnDescriptor> parts_;
  std::vector<CudnnDescriptor> operations_;
};

// An engine that can run a graph, and what it needs.
struct CudnnEngine {
  CudnnDescriptor config;
  int64_t shared_bytes = 0;
  int64_t workspace_bytes = 0;
};

// cuDNN's engines for a finished graph, best first. `properties`, which may be
// null, describes a device other than the one that is here.
absl::StatusOr<std::vector<CudnnEngine>> FindEngines(
    const CudnnDescriptor& graph, const CudnnDescriptor& properties);

// A device as cuDNN describes it, from its JSON form.
absl::StatusOr<CudnnDescriptor> DeviceProperties(const std::string& json);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_CUDNN_GRAPH_H_
