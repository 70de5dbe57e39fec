#ifndef KERNELS_TENSOR_H_
#define KERNELS_TENSOR_H_

#include <cstddef>
#include <cstdint>

namespace penstock {

enum class DataType : uint8_t { kFloat32, kBFloat16 };

constexpr int64_t SizeOf(DataType type) {
  return type == DataType::kFloat32 ? 4 : 2;
}

// A row-major matrix [rows, cols] in a backend's memory; row r begins
// r * stride elements after row 0, stride >= cols. Does not own its memory.
// Leading dimensions are folded: [batch, sequence, hidden] is
// [batch * sequence, hidden].
struct ConstTensor {
  const void* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;
  DataType type = DataType::kFloat32;

  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

struct Tensor {
  void* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;
  DataType type = DataType::kFloat32;

  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }

  // NOLINTNEXTLINE(google-explicit-constructor): every Tensor can be read.
  operator ConstTensor() const { return {data, rows, cols, stride, type}; }
};

// A dense float32 matrix at `data`.
inline Tensor Float32(void* data, int64_t rows, int64_t cols) {
  return {data, rows, cols, cols, DataType::kFloat32};
}
inline ConstTensor Float32(const void* data, int64_t rows, int64_t cols) {
  return {data, rows, cols, cols, DataType::kFloat32};
}

// Columns [begin, begin + count) of `tensor`.
inline Tensor Columns(const Tensor& tensor, int64_t begin, int64_t count) {
  return {tensor.as<std::byte>() + begin * SizeOf(tensor.type), tensor.rows,
          count, tensor.stride, tensor.type};
}
inline ConstTensor Columns(const ConstTensor& tensor, int64_t begin,
                           int64_t count) {
  return {tensor.as<std::byte>() + begin * SizeOf(tensor.type), tensor.rows,
          count, tensor.stride, tensor.type};
}

// Rows [begin, begin + count) of `tensor`.
inline Tensor Rows(const Tensor& tensor, int64_t begin, int64_t count) {
  return {tensor.as<std::byte>() + begin * tensor.stride * SizeOf(tensor.type),
          count, tensor.cols, tensor.stride, tensor.type};
}
inline ConstTensor Rows(const ConstTensor& tensor, int64_t begin,
                        int64_t count) {
  return {tensor.as<std::byte>() + begin * tensor.stride * SizeOf(tensor.type),
          count, tensor.cols, tensor.stride, tensor.type};
}

}  // namespace penstock

#endif  // KERNELS_TENSOR_H_
