#include "kernels/cuda/matmul.h"

#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "kernels/cuda/bfloat16.h"
#include "kernels/cuda/errors.h"
#include "kernels/cuda/reductions.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

// Owners of cuBLASLt's handles; `Destroy` is one of its functions.
template <auto Destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* handle) const {
    Destroy(handle);
  }
};
template <typename Handle, auto Destroy>
using Owned =
    std::unique_ptr<std::remove_pointer_t<Handle>, Destroyer<Destroy>>;

using Handle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference =
    Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

// At the end of the workspace, for a rounded bias.
constexpr int64_t kBiasBytes = int64_t{1} << 20;

// What cuBLASLt needs to know of one product. Its matrices are column-major: a
// row-major [rows, cols] is a column-major [cols, rows], and the transpose of
// c = op(a) op(b) is op(b)' op(a)'. So its A is b, its B is a, its m is n.
struct Problem {
  MatmulArgs args;
  // c is added to: args.accumulate, or addend.
  ConstTensor added;

  explicit Problem(const MatmulArgs& matmul) : args(matmul) {
    if (matmul.accumulate) added = matmul.c;
    if (matmul.addend.data != nullptr) added = matmul.addend;
  }

  bool has_bias() const { return args.bias != nullptr; }
  bool adds() const { return added.data != nullptr; }
  // C of cuBLASLt, which must be something even when it is not read.
  ConstTensor c() const { return adds() ? added : ConstTensor(args.c); }
};

// The largest power of two, up to 256, that divides the address and is what the
// choice of an algorithm depends on.
uint32_t AlignmentOf(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  uint32_t alignment = 256;
  while (address % alignment != 0) alignment /= 2;
  return alignment;
}

using Key = std::array<int64_t, 18>;

Key KeyOf(const Problem& problem) {
  const MatmulArgs& args = problem.args;
  return {args.a.rows,
          args.a.cols,
          args.a.stride,
          args.b.rows,
          args.b.cols,
          args.b.stride,
          args.c.stride,
          problem.c().stride,
          static_cast<int64_t>(args.a.type),
          static_cast<int64_t>(args.c.type),
          args.transpose_a,
          args.transpose_b,
          problem.adds() + 2 * problem.has_bias(),
          AlignmentOf(args.a.data),
          AlignmentOf(args.b.data),
          AlignmentOf(args.c.data),
          AlignmentOf(problem.c().data),
          AlignmentOf(args.bias)};
}

cudaDataType_t TypeOf(DataType type) {
  return type == DataType::kFloat32 ? CUDA_R_32F : CUDA_R_16BF;
}

// A product as cuBLASLt runs it.
struct Plan {
  Description description;
  Layout a, b, c, d;
  DataType bias_type = DataType::kFloat32;
  cublasLtMatmulAlgo_t algorithm;
};

// In which types to ask for the bias, the best first.
std::vector<DataType> BiasTypes(const Problem& problem) {
  std::vector<DataType> types = {DataType::kFloat32};
  if (problem.has_bias() && problem.args.c.type == DataType::kBFloat16 &&
      problem.args.c.cols * SizeOf(DataType::kBFloat16) <= kBiasBytes) {
    types.push_back(DataType::kBFloat16);
  }
  return types;
}

// What cuBLASLt has of the workspace.
int64_t ProductBytes(const Workspace& workspace) {
  return workspace.bytes - kBiasBytes;
}

const void* BiasOf(const Problem& problem, DataType type,
                   const Workspace& workspace) {
  if (type == DataType::kFloat32) return problem.args.bias;
  return workspace.data + ProductBytes(workspace);
}

absl::Status SetAttribute(const Description& description,
                          cublasLtMatmulDescAttributes_t attribute,
                          const auto& value) {
  return FromCublas(cublasLtMatmulDescSetAttribute(description.get(), attribute,
                                                   &value, sizeof(value)),
                    "matmul: describing the product");
}

absl::Status SetAttribute(const Preference& preference,
                          cublasLtMatmulPreferenceAttributes_t attribute,
                          const auto& value) {
  return FromCublas(cublasLtMatmulPreferenceSetAttribute(
                        preference.get(), attribute, &value, sizeof(value)),
                    "matmul: stating preferences");
}

absl::StatusOr<Description> Describe(const Problem& problem, DataType bias_type,
                                     const void* bias) {
  cublasLtMatmulDesc_t made = nullptr;
  RETURN_IF_ERROR(FromCublas(
      cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F),
      "matmul: describing the product"));
  Description description(made);
  const auto operation = [](bool transpose) {
    return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  RETURN_IF_ERROR(SetAttribute(description, CUBLASLT_MATMUL_DESC_TRANSA,
                               operation(problem.args.transpose_b)));
  RETURN_IF_ERROR(SetAttribute(description, CUBLASLT_MATMUL_DESC_TRANSB,
                               operation(problem.args.transpose_a)));
  if (problem.has_bias()) {
    RETURN_IF_ERROR(SetAttribute(description, CUBLASLT_MATMUL_DESC_EPILOGUE,
                                 CUBLASLT_EPILOGUE_BIAS));
    RETURN_IF_ERROR(SetAttribute(
        description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, TypeOf(bias_type)));
    RETURN_IF_ERROR(
        SetAttribute(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias));
  }
  return description;
}

absl::StatusOr<Layout> LayoutOf(const ConstTensor& tensor) {
  cublasLtMatrixLayout_t made = nullptr;
  RETURN_IF_ERROR(FromCublas(
      cublasLtMatrixLayoutCreate(&made, TypeOf(tensor.type), tensor.cols,
                                 tensor.rows, tensor.stride),
      "matmul: describing a matrix"));
  return Layout(made);
}

// Among algorithms whose sums have one order.
absl::StatusOr<Preference> Preferences(const Problem& problem,
                                       const Workspace& workspace) {
  cublasLtMatmulPreference_t made = nullptr;
  RETURN_IF_ERROR(FromCublas(cublasLtMatmulPreferenceCreate(&made),
                             "matmul: stating preferences"));
  Preference preference(made);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute,
                       const auto& value) {
    return SetAttribute(preference, attribute, value);
  };
  RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                      static_cast<uint64_t>(ProductBytes(workspace))));
  RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                      uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE |
                               CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE}));
  const std::pair<cublasLtMatmulPreferenceAttributes_t, const void*>
      pointers[] = {
          {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, problem.args.b.data},
          {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, problem.args.a.data},
          {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, problem.c().data},
          {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, problem.args.c.data}};
  for (const auto& [attribute, pointer] : pointers) {
    RETURN_IF_ERROR(set(attribute, AlignmentOf(pointer)));
  }
  return preference;
}

class CublasLtProducts final : public Products {
 public:
  explicit CublasLtProducts(Handle handle) : handle_(std::move(handle)) {}

  absl::Status Run(cudaStream_t stream, const MatmulArgs& args,
                   const Workspace& workspace) override {
    const Problem problem(args);
    ASSIGN_OR_RETURN(const Plan* const plan, PlanFor(problem, workspace));
    if (plan != nullptr) return Queue(stream, problem, *plan, workspace);
    // No algorithm adds this bias: put it there first.
    RETURN_IF_ERROR(
        FromCuda(FillRows(stream, args.bias, args.addend, args.c), "matmul"));
    MatmulArgs accumulating = args;
    accumulating.bias = nullptr;
    accumulating.addend = {};
    accumulating.accumulate = true;
    return Run(stream, accumulating, workspace);
  }

 private:
  // Null if only a product without any bias is supported.
  absl::StatusOr<const Plan*> PlanFor(const Problem& problem,
                                      const Workspace& workspace) {
    const Key key = KeyOf(problem);
    auto found = plans_.find(key);
    if (found == plans_.end()) {
      std::optional<Plan> kept;
      for (const DataType bias_type : BiasTypes(problem)) {
        absl::StatusOr<Plan> plan = MakePlan(problem, bias_type, workspace);
        // Without the bias a real error comes again.
        if (!plan.ok() && !problem.has_bias()) return plan.status();
        if (!plan.ok()) continue;
        kept = *std::move(plan);
        break;
      }
      found = plans_.emplace(key, std::move(kept)).first;
    }
    return found->second.has_value() ? &*found->second : nullptr;
  }

  absl::StatusOr<Plan> MakePlan(const Problem& problem, DataType bias_type,
                                const Workspace& workspace) {
    Plan plan{.bias_type = bias_type};
    ASSIGN_OR_RETURN(
        plan.description,
        Describe(problem, bias_type, BiasOf(problem, bias_type, workspace)));
    ASSIGN_OR_RETURN(plan.a, LayoutOf(problem.args.b));
    ASSIGN_OR_RETURN(plan.b, LayoutOf(problem.args.a));
    ASSIGN_OR_RETURN(plan.c, LayoutOf(problem.c()));
    ASSIGN_OR_RETURN(plan.d, LayoutOf(problem.args.c));
    ASSIGN_OR_RETURN(const Preference preference,
                     Preferences(problem, workspace));
    cublasLtMatmulHeuristicResult_t result;
    int count = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_.get(), plan.description.get(), plan.a.get(), plan.b.get(),
        plan.c.get(), plan.d.get(), preference.get(), 1, &result, &count);
    const std::string operation = fmt::format(
        "matmul: [{}, {}] {}by [{}, {}]{}", problem.args.a.rows,
        problem.args.a.cols, problem.args.transpose_a ? "transposed " : "",
        problem.args.b.rows, problem.args.b.cols,
        problem.args.transpose_b ? " transposed" : "");
    RETURN_IF_ERROR(FromCublas(status, operation));
    RETURN_IF_ERROR(FromCublas(
        count == 0 ? CUBLAS_STATUS_NOT_SUPPORTED : result.state, operation));
    plan.algorithm = result.algo;
    return plan;
  }

  absl::Status Queue(cudaStream_t stream, const Problem& problem,
                     const Plan& plan, const Workspace& workspace) {
    if (problem.has_bias()) {
      RETURN_IF_ERROR(QueueBias(stream, problem, plan, workspace));
    }
    const float alpha = 1;
    const float beta = problem.adds() ? 1 : 0;
    return FromCublas(
        cublasLtMatmul(handle_.get(), plan.description.get(), &alpha,
                       problem.args.b.data, plan.a.get(), problem.args.a.data,
                       plan.b.get(), &beta, problem.c().data, plan.c.get(),
                       problem.args.c.data, plan.d.get(), &plan.algorithm,
                       workspace.data, ProductBytes(workspace), stream),
        "matmul");
  }

  static absl::Status QueueBias(cudaStream_t stream, const Problem& problem,
                                const Plan& plan, const Workspace& workspace) {
    const void* const bias = BiasOf(problem, plan.bias_type, workspace);
    if (plan.bias_type == DataType::kBFloat16) {
      const int64_t n = problem.args.c.cols;
      std::byte* const rounded = workspace.data + ProductBytes(workspace);
      RETURN_IF_ERROR(FromCuda(
          Round(stream, {problem.args.bias, 1, n, n, DataType::kFloat32},
                {rounded, 1, n, n, DataType::kBFloat16}),
          "matmul: rounding the bias"));
    }
    return SetAttribute(plan.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                        bias);
  }

  const Handle handle_;
  std::map<Key, std::optional<Plan>> plans_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Products>> MakeProducts() {
  cublasLtHandle_t made = nullptr;
  RETURN_IF_ERROR(FromCublas(cublasLtCreate(&made), "starting cuBLASLt"));
  return std::make_unique<CublasLtProducts>(Handle(made));
}

}  // namespace penstock::cuda
