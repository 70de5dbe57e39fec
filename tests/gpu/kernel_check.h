#ifndef TESTS_GPU_KERNEL_CHECK_H_
#define TESTS_GPU_KERNEL_CHECK_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/attention_shape.h"
#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"
#include "tests/gpu/check.h"

namespace penstock::gpu {

using Values = std::vector<double>;

inline constexpr cudaStream_t kStream = nullptr;

// Of the tensors that kernels are checked with.
struct Sizes {
  int64_t rows, cols, vocabulary, sequence;
  AttentionShape attention;
};

// Holds every kernel to float64 in one type of tensors, with random inputs and
// poisoned outputs, and times it.
class KernelCheck {
 public:
  KernelCheck(const Sizes& sizes, DataType type, Table& table)
      : rows_(sizes.rows),
        cols_(sizes.cols),
        sizes_(sizes),
        type_(type),
        table_(table),
        workspace_(MakeWorkspace()) {}
  ~KernelCheck() { cudaFree(workspace_.data); }
  KernelCheck(const KernelCheck&) = delete;
  KernelCheck& operator=(const KernelCheck&) = delete;

  void Run() {
    Gelu();
    SwiGlu();
    LayerNorm();
    RmsNorm();
    Rope();
    ColumnSums();
    Embedding();
    CrossEntropy();
    Attention();
    if (type_ == DataType::kFloat32) {
      AdamW();
      SumsOfSquares();
      Round();
    }
  }

 private:
  Array Random() const { return Array::Random(type_, rows_, cols_); }
  Array Poison() const { return Array::Poison(type_, rows_, cols_); }
  Array Floats(int64_t count) const {
    return Array::Random(DataType::kFloat32, 1, count);
  }
  static Array Blank(int64_t count) {
    return Array::Poison(DataType::kFloat32, 1, count);
  }
  int64_t Bytes(int64_t tensors) const {
    return tensors * rows_ * cols_ * SizeOf(type_);
  }

  void Compare(const std::string& name, const Array& actual,
               const Values& expected) {
    table_.Compare(name, type_, actual.Read(), expected);
  }
  // Of what is float32 whatever the tensors are.
  void CompareFloats(const std::string& name, const Array& actual,
                     const Values& expected) {
    table_.Compare(name, DataType::kFloat32, actual.Read(), expected);
  }

  void Gelu();
  void SwiGlu();
  void LayerNorm();
  void RmsNorm();
  void Rope();
  void ColumnSums();
  void Embedding();
  void CrossEntropy();
  void Attention();
  void AdamW();
  void SumsOfSquares();
  void Round();

  const int64_t rows_;
  const int64_t cols_;
  const Sizes sizes_;
  const DataType type_;
  Table& table_;
  const cuda::Workspace workspace_;
};

}  // namespace penstock::gpu

#endif  // TESTS_GPU_KERNEL_CHECK_H_
