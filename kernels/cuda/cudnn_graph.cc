#include "kernels/cuda/cudnn_graph.h"

#include <algorithm>
#include <utility>

#include "kernels/cuda/errors.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

constexpr int64_t kNoAxis = -1;

// Of a virtual tensor: dense.
CudnnGraph::Dims DenseStrides(const CudnnGraph::Dims& dims) {
  return {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
}

template <typename T>
absl::Status Set(const CudnnDescriptor& descriptor,
                 cudnnBackendAttributeName_t name,
                 cudnnBackendAttributeType_t type, const T& value) {
  return SetAttribute(descriptor, name, type, 1, &value);
}

absl::Status SetDescriptor(const CudnnDescriptor& descriptor,
                           cudnnBackendAttributeName_t name,
                           const CudnnDescriptor& value) {
  const cudnnBackendDescriptor_t raw = value.get();
  return SetAttribute(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

absl::StatusOr<CudnnDescriptor> MatmulSettings() {
  ASSIGN_OR_RETURN(CudnnDescriptor settings,
                   MakeDescriptor(CUDNN_BACKEND_MATMUL_DESCRIPTOR));
  RETURN_IF_ERROR(Set(settings, CUDNN_ATTR_MATMUL_COMP_TYPE,
                      CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT));
  RETURN_IF_ERROR(Finalize(settings));
  return settings;
}

absl::StatusOr<CudnnDescriptor> PointwiseSettings(cudnnPointwiseMode_t mode,
                                                  cudnnDataType_t precision,
                                                  int64_t axis) {
  ASSIGN_OR_RETURN(CudnnDescriptor settings,
                   MakeDescriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR));
  RETURN_IF_ERROR(Set(settings, CUDNN_ATTR_POINTWISE_MODE,
                      CUDNN_TYPE_POINTWISE_MODE, mode));
  RETURN_IF_ERROR(Set(settings, CUDNN_ATTR_POINTWISE_MATH_PREC,
                      CUDNN_TYPE_DATA_TYPE, precision));
  if (axis != kNoAxis) {
    RETURN_IF_ERROR(
        Set(settings, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, axis));
  }
  RETURN_IF_ERROR(Finalize(settings));
  return settings;
}

absl::StatusOr<CudnnDescriptor> ReductionSettings(
    cudnnReduceTensorOp_t operation) {
  ASSIGN_OR_RETURN(CudnnDescriptor settings,
                   MakeDescriptor(CUDNN_BACKEND_REDUCTION_DESCRIPTOR));
  RETURN_IF_ERROR(Set(settings, CUDNN_ATTR_REDUCTION_OPERATOR,
                      CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, operation));
  RETURN_IF_ERROR(Set(settings, CUDNN_ATTR_REDUCTION_COMP_TYPE,
                      CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT));
  RETURN_IF_ERROR(Finalize(settings));
  return settings;
}

}  // namespace

absl::StatusOr<CudnnDescriptor> MakeDescriptor(
    cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = nullptr;
  RETURN_IF_ERROR(
      FromCudnn(cudnnBackendCreateDescriptor(type, &made), "cuDNN descriptor"));
  return CudnnDescriptor(made);
}

absl::Status SetAttribute(const CudnnDescriptor& descriptor,
                          cudnnBackendAttributeName_t name,
                          cudnnBackendAttributeType_t type, int64_t count,
                          const void* values) {
  return FromCudnn(
      cudnnBackendSetAttribute(descriptor.get(), name, type, count, values),
      "cuDNN attribute " + std::to_string(name));
}

absl::Status Finalize(const CudnnDescriptor& descriptor) {
  return FromCudnn(cudnnBackendFinalize(descriptor.get()), "cuDNN graph");
}

CudnnGraph::Ref CudnnGraph::Keep(absl::StatusOr<CudnnDescriptor> descriptor) {
  if (status_.ok()) status_ = descriptor.status();
  if (!status_.ok()) return {};
  parts_.push_back(*std::move(descriptor));
  return {static_cast<int>(parts_.size()) - 1};
}

absl::StatusOr<CudnnDescriptor> CudnnGraph::MakeTensor(
    int64_t uid, cudnnDataType_t type, const Dims& dims, const Dims& strides,
    bool is_virtual, bool is_by_value) {
  constexpr int64_t kAlignment = 16;
  ASSIGN_OR_RETURN(CudnnDescriptor tensor,
                   MakeDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  RETURN_IF_ERROR(
      Set(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, uid));
  RETURN_IF_ERROR(
      Set(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type));
  RETURN_IF_ERROR(SetAttribute(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS,
                               CUDNN_TYPE_INT64, 4, dims.data()));
  RETURN_IF_ERROR(SetAttribute(tensor, CUDNN_ATTR_TENSOR_STRIDES,
                               CUDNN_TYPE_INT64, 4, strides.data()));
  RETURN_IF_ERROR(Set(tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT,
                      CUDNN_TYPE_INT64, kAlignment));
  RETURN_IF_ERROR(Set(tensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN,
                      is_virtual));
  RETURN_IF_ERROR(Set(tensor, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN,
                      is_by_value));
  RETURN_IF_ERROR(Finalize(tensor));
  return tensor;
}

CudnnGraph::Ref CudnnGraph::AddTensor(int64_t uid, cudnnDataType_t type,
                                      const Dims& dims, const Dims& strides,
                                      bool is_virtual, bool is_by_value) {
  if (!status_.ok()) return {};
  return Keep(MakeTensor(uid, type, dims, strides, is_virtual, is_by_value));
}

CudnnGraph::Ref CudnnGraph::Tensor(int64_t uid, cudnnDataType_t type,
                                   const Dims& dims, const Dims& strides) {
  return AddTensor(uid, type, dims, strides, /*is_virtual=*/false,
                   /*is_by_value=*/false);
}

CudnnGraph::Ref CudnnGraph::Scalar(int64_t uid, cudnnDataType_t type) {
  return AddTensor(uid, type, {1, 1, 1, 1}, {1, 1, 1, 1}, /*is_virtual=*/false,
                   /*is_by_value=*/true);
}

CudnnGraph::Ref CudnnGraph::Virtual(cudnnDataType_t type, const Dims& dims) {
  return VirtualView(type, dims, DenseStrides(dims));
}

CudnnGraph::Ref CudnnGraph::VirtualView(cudnnDataType_t type, const Dims& dims,
                                        const Dims& strides) {
  return AddTensor(++virtual_uid_, type, dims, strides, /*is_virtual=*/true,
                   /*is_by_value=*/false);
}

absl::Status CudnnGraph::TryAddOperation(
    cudnnBackendDescriptorType_t type, cudnnBackendAttributeName_t name,
    absl::StatusOr<CudnnDescriptor> settings,
    const std::vector<Operand>& operands) {
  RETURN_IF_ERROR(settings.status());
  ASSIGN_OR_RETURN(CudnnDescriptor operation, MakeDescriptor(type));
  if (*settings != nullptr) {
    RETURN_IF_ERROR(SetDescriptor(operation, name, *settings));
    parts_.push_back(*std::move(settings));
  }
  for (const Operand& operand : operands) {
    RETURN_IF_ERROR(
        SetDescriptor(operation, operand.name, parts_[operand.ref.index]));
  }
  RETURN_IF_ERROR(Finalize(operation));
  operations_.push_back(std::move(operation));
  return absl::OkStatus();
}

void CudnnGraph::AddOperation(cudnnBackendDescriptorType_t type,
                              cudnnBackendAttributeName_t name,
                              absl::StatusOr<CudnnDescriptor> settings,
                              const std::vector<Operand>& operands) {
  if (!status_.ok()) return;
  status_ = TryAddOperation(type, name, std::move(settings), operands);
}

void CudnnGraph::Matmul(Ref a, Ref b, Ref c) {
  AddOperation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR,
               CUDNN_ATTR_OPERATION_MATMUL_DESC, MatmulSettings(),
               {{CUDNN_ATTR_OPERATION_MATMUL_ADESC, a},
                {CUDNN_ATTR_OPERATION_MATMUL_BDESC, b},
                {CUDNN_ATTR_OPERATION_MATMUL_CDESC, c}});
}

void CudnnGraph::AddPointwise(cudnnPointwiseMode_t mode,
                              cudnnDataType_t precision, int64_t axis,
                              const std::vector<Operand>& operands) {
  AddOperation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
               CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
               PointwiseSettings(mode, precision, axis), operands);
}

void CudnnGraph::Pointwise(cudnnPointwiseMode_t mode, Ref x, Ref y) {
  AddPointwise(mode, CUDNN_DATA_FLOAT, kNoAxis,
               {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::Pointwise(cudnnPointwiseMode_t mode, Ref x, Ref b, Ref y) {
  AddPointwise(mode, CUDNN_DATA_FLOAT, kNoAxis,
               {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
                {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::Add(Ref x, Ref b, Ref y) {
  AddPointwise(CUDNN_POINTWISE_ADD, CUDNN_DATA_INT32, kNoAxis,
               {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
                {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::GreaterOrEqual(Ref x, Ref b, Ref y) {
  AddPointwise(CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN, kNoAxis,
               {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
                {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::Select(Ref x, Ref b, Ref condition, Ref y) {
  AddPointwise(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, kNoAxis,
               {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
                {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b},
                {CUDNN_ATTR_OPERATION_POINTWISE_TDESC, condition},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::Index(int64_t axis, Ref x, Ref y) {
  AddPointwise(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_INT32, axis,
               {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::Reduce(cudnnReduceTensorOp_t operation, Ref x, Ref y) {
  AddOperation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR,
               CUDNN_ATTR_OPERATION_REDUCTION_DESC,
               ReductionSettings(operation),
               {{CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x},
                {CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y}});
}

void CudnnGraph::Reshape(Ref x, Ref y) {
  AddOperation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR,
               CUDNN_ATTR_OPERATION_RESHAPE_XDESC, CudnnDescriptor(),
               {{CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x},
                {CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y}});
}

absl::StatusOr<CudnnDescriptor> CudnnGraph::Finish(cudnnHandle_t handle) {
  RETURN_IF_ERROR(status_);
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const CudnnDescriptor& operation : operations_) {
    operations.push_back(operation.get());
  }
  ASSIGN_OR_RETURN(CudnnDescriptor graph,
                   MakeDescriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR));
  if (handle != nullptr) {
    RETURN_IF_ERROR(Set(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE,
                        CUDNN_TYPE_HANDLE, handle));
  }
  RETURN_IF_ERROR(SetAttribute(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR,
                               std::ssize(operations), operations.data()));
  RETURN_IF_ERROR(Finalize(graph));
  return graph;
}

absl::StatusOr<std::vector<CudnnEngine>> FindEngines(
    const CudnnDescriptor& graph, const CudnnDescriptor& properties) {
  ASSIGN_OR_RETURN(const CudnnDescriptor heuristics,
                   MakeDescriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR));
  RETURN_IF_ERROR(
      SetDescriptor(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph));
  RETURN_IF_ERROR(Set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE,
                      CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A));
  if (properties != nullptr) {
    RETURN_IF_ERROR(SetDescriptor(heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                                  properties));
  }
  RETURN_IF_ERROR(Finalize(heuristics));
  constexpr int64_t kMost = 8;
  std::vector<CudnnEngine> engines;
  std::array<cudnnBackendDescriptor_t, kMost> raw = {};
  for (cudnnBackendDescriptor_t& config : raw) {
    CudnnEngine engine;
    ASSIGN_OR_RETURN(engine.config,
                     MakeDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    config = engine.config.get();
    engines.push_back(std::move(engine));
  }
  int64_t count = 0;
  RETURN_IF_ERROR(FromCudnn(
      cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, kMost, &count,
                               raw.data()),
      "cuDNN engines"));
  engines.resize(std::min(count, kMost));
  for (CudnnEngine& engine : engines) {
    int32_t shared_bytes = 0;
    RETURN_IF_ERROR(FromCudnn(
        cudnnBackendGetAttribute(engine.config.get(),
                                 CUDNN_ATTR_ENGINECFG_SHARED_MEMORY_USED,
                                 CUDNN_TYPE_INT32, 1, &count, &shared_bytes),
        "cuDNN engine's shared memory"));
    engine.shared_bytes = shared_bytes;
    RETURN_IF_ERROR(
        FromCudnn(cudnnBackendGetAttribute(
                      engine.config.get(), CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE,
                      CUDNN_TYPE_INT64, 1, &count, &engine.workspace_bytes),
                  "cuDNN engine's workspace"));
  }
  return engines;
}

absl::StatusOr<CudnnDescriptor> DeviceProperties(const std::string& json) {
  ASSIGN_OR_RETURN(CudnnDescriptor properties,
                   MakeDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR));
  RETURN_IF_ERROR(SetAttribute(properties,
                               CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                               CUDNN_TYPE_CHAR, std::ssize(json), json.data()));
  RETURN_IF_ERROR(Finalize(properties));
  return properties;
}

}  // namespace penstock::cuda
