#include <cublasLt.h>
#include <cuda_bf16.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "kernels/cuda/emulator/streams.h"

struct EmulatedCublasLt {};

struct EmulatedMatmulDesc {
  int32_t transpose_a = CUBLAS_OP_N;
  int32_t transpose_b = CUBLAS_OP_N;
  int32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  int32_t bias_type = -1;  // The result's.
  const void* bias = nullptr;
};

struct EmulatedMatrixLayout {
  cudaDataType_t type;
  int64_t rows;
  int64_t cols;
  int64_t stride;
};

struct EmulatedPreference {
  uint64_t workspace_bytes = 0;
  uint32_t reductions = ~0u;
  // Of a, b, c and d.
  std::array<uint32_t, 4> alignments = {256, 256, 256, 256};
};

namespace {

// Of the end of the workspace, by every product.
constexpr size_t kUsedBytes = (size_t{1} << 20) + 4096;

// What an algorithm is for; lies in its `data`.
struct Promise {
  uint64_t product = 0;  // Hash of what the heuristics were told.
  uint64_t workspace_bytes = 0;
  std::array<uint32_t, 4> alignments = {};
  uint64_t any_order = 0;
};
static_assert(sizeof(Promise) <= sizeof(cublasLtMatmulAlgo_t));

struct Product {
  EmulatedMatmulDesc desc;
  EmulatedMatrixLayout a, b, c, d;

  bool transposes_a() const { return desc.transpose_a == CUBLAS_OP_T; }
  bool transposes_b() const { return desc.transpose_b == CUBLAS_OP_T; }
  int64_t depth() const { return transposes_a() ? a.rows : a.cols; }
  bool has_bias() const { return desc.epilogue == CUBLASLT_EPILOGUE_BIAS; }
  int32_t bias_type() const {
    return desc.bias_type < 0 ? d.type : desc.bias_type;
  }
};

uint64_t HashOf(const Product& product) {
  uint64_t hash = 1469598103934665603u;  // FNV-1a.
  const auto mix = [&](int64_t value) {
    hash = (hash ^ static_cast<uint64_t>(value)) * 1099511628211u;
  };
  mix(product.desc.transpose_a);
  mix(product.desc.transpose_b);
  mix(product.desc.epilogue);
  mix(product.has_bias() ? product.bias_type() : 0);
  for (const auto& m : {product.a, product.b, product.c, product.d}) {
    mix(m.type);
    mix(m.rows);
    mix(m.cols);
    mix(m.stride);
  }
  return hash;
}

bool SizesAgree(const Product& p) {
  const int64_t b_depth = p.transposes_b() ? p.b.cols : p.b.rows;
  return (p.transposes_a() ? p.a.cols : p.a.rows) == p.d.rows &&
         (p.transposes_b() ? p.b.rows : p.b.cols) == p.d.cols &&
         p.depth() == b_depth && p.c.rows == p.d.rows && p.c.cols == p.d.cols;
}

// Of the table of cublasLtMatmul's types for CUBLAS_COMPUTE_32F.
bool IsSupported(const Product& p) {
  if (p.a.type != p.b.type || p.c.type != p.d.type) return false;
  if (p.a.type == CUDA_R_32F && p.d.type != CUDA_R_32F) return false;
  return !p.has_bias() || p.bias_type() == p.d.type;
}

float Read(const void* data, cudaDataType_t type, int64_t i) {
  return type == CUDA_R_32F
             ? static_cast<const float*>(data)[i]
             : __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i]);
}

struct Operands {
  const void* a;
  const void* b;
  const void* c;
  void* d;
  float alpha;
  float beta;
};

float Sum(const Product& p, const Operands& o, int64_t row, int64_t col,
          bool backwards) {
  const auto a_at = [&](int64_t k) {
    return p.transposes_a() ? row * p.a.stride + k : k * p.a.stride + row;
  };
  const auto b_at = [&](int64_t k) {
    return p.transposes_b() ? k * p.b.stride + col : col * p.b.stride + k;
  };
  float sum = 0;
  for (int64_t i = 0; i < p.depth(); ++i) {
    const int64_t k = backwards ? p.depth() - 1 - i : i;
    sum += Read(o.a, p.a.type, a_at(k)) * Read(o.b, p.b.type, b_at(k));
  }
  return sum;
}

void Run(const Product& p, const Operands& o, bool backwards) {
  for (int64_t col = 0; col < p.d.cols; ++col) {
    for (int64_t row = 0; row < p.d.rows; ++row) {
      float value = o.alpha * Sum(p, o, row, col, backwards);
      if (o.beta != 0) {
        value += o.beta * Read(o.c, p.c.type, col * p.c.stride + row);
      }
      if (p.has_bias()) {
        value +=
            Read(p.desc.bias, static_cast<cudaDataType_t>(p.bias_type()), row);
      }
      const int64_t at = col * p.d.stride + row;
      if (p.d.type == CUDA_R_32F) {
        static_cast<float*>(o.d)[at] = value;
      } else {
        static_cast<__nv_bfloat16*>(o.d)[at] = __float2bfloat16_rn(value);
      }
    }
  }
}

template <typename T, typename... Values>
cublasStatus_t Make(T** made, Values... values) {
  *made = new T{values...};
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
cublasStatus_t Delete(T* object) {
  delete object;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
cublasStatus_t Set(T& to, const void* value, size_t bytes) {
  if (bytes != sizeof(to)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

bool IsAligned(const void* data, uint32_t alignment) {
  return reinterpret_cast<uintptr_t>(data) % alignment == 0;
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return Make(handle); }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return Delete(handle);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc,
                                        cublasComputeType_t /*compute*/,
                                        cudaDataType_t /*scale*/) {
  return Make(desc);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  return Delete(desc);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(
    cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
    const void* value, size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return Set(desc->transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return Set(desc->transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return Set(desc->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return Set(desc->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return Set(desc->bias_type, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout,
                                          cudaDataType_t type, uint64_t rows,
                                          uint64_t cols, int64_t stride) {
  return Make(layout, type, static_cast<int64_t>(rows),
              static_cast<int64_t>(cols), stride);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return Delete(layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(
    cublasLtMatmulPreference_t* preference) {
  return Make(preference);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(
    cublasLtMatmulPreference_t preference) {
  return Delete(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t preference,
    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
    size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return Set(preference->workspace_bytes, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return Set(preference->reductions, value, bytes);
    default:
      return Set(preference->alignments.at(
                     attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES),
                 value, bytes);
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t /*handle*/, cublasLtMatmulDesc_t desc,
    cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
    cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference, int /*wanted*/,
    cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = 0;
  const Product product{*desc, *a, *b, *c, *d};
  if (!SizesAgree(product)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!IsSupported(product)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const Promise promise{.product = HashOf(product),
                        .workspace_bytes = preference->workspace_bytes,
                        .alignments = preference->alignments,
                        .any_order = (preference->reductions &
                                      CUBLASLT_REDUCTION_SCHEME_INPLACE) != 0};
  *found = 1;
  results->state = CUBLAS_STATUS_SUCCESS;
  results->workspaceSize = preference->workspace_bytes;
  std::memcpy(&results->algo, &promise, sizeof(promise));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(
    cublasLtHandle_t /*handle*/, cublasLtMatmulDesc_t desc, const void* alpha,
    const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
    cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
    cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
    const cublasLtMatmulAlgo_t* algorithm, void* workspace,
    size_t workspace_bytes, cudaStream_t stream) {
  const Product product{*desc, *a_layout, *b_layout, *c_layout, *d_layout};
  Promise promise;
  std::memcpy(static_cast<void*>(&promise), algorithm, sizeof(promise));
  const void* const operands[] = {a, b, c, d};
  bool is_kept = promise.product == HashOf(product) &&
                 promise.workspace_bytes <= workspace_bytes &&
                 workspace_bytes >= kUsedBytes && IsAligned(workspace, 256);
  for (size_t i = 0; i < std::size(operands); ++i) {
    is_kept = is_kept && IsAligned(operands[i], promise.alignments[i]);
  }
  if (!is_kept) return CUBLAS_STATUS_INVALID_VALUE;
  const Operands values{a,
                        b,
                        c,
                        d,
                        *static_cast<const float*>(alpha),
                        *static_cast<const float*>(beta)};
  static std::atomic<uint64_t> calls = 0;
  const bool backwards = promise.any_order != 0 && calls++ % 2 == 1;
  penstock::cuda::emulator::Enqueue(
      stream, [product, values, backwards,
               end = static_cast<std::byte*>(workspace) + workspace_bytes] {
        // An algorithm may use all of it; some will do to show who else does.
        std::memset(end - kUsedBytes, 0xff, kUsedBytes);
        Run(product, values, backwards);
      });
  return CUBLAS_STATUS_SUCCESS;
}
