#ifndef KERNELS_CUDA_ELEMENT_H_
#define KERNELS_CUDA_ELEMENT_H_

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "kernels/tensor.h"

namespace penstock::cuda {

// Kernels compute in float32 on tensors of float or bfloat16, and take `kWidth`
// neighbouring elements at a time: 16 bytes of them where everything is aligned
// so, else one.

__device__ inline float ToFloat(float value) { return value; }
__device__ inline float ToFloat(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

template <typename T>
__device__ T FromFloat(float value);
template <>
__device__ inline float FromFloat<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 FromFloat<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

template <int kWidth>
struct Floats {
  float value[kWidth];

  __device__ float& operator[](int i) { return value[i]; }
  __device__ float operator[](int i) const { return value[i]; }
};

// What one instruction takes of kWidth elements of T: 16 bytes, or 8 of few
// narrow ones.
template <int kWidth, typename T>
using Bits = std::conditional_t<kWidth * sizeof(T) % 16 == 0, uint4, uint2>;

template <int kWidth, typename T>
__device__ Floats<kWidth> Load(const T* from) {
  Floats<kWidth> floats;
  if constexpr (kWidth == 1) {
    floats[0] = ToFloat(*from);
  } else {
    constexpr int kPerLoad = sizeof(Bits<kWidth, T>) / sizeof(T);
    for (int load = 0; load < kWidth / kPerLoad; ++load) {
      const auto bits = reinterpret_cast<const Bits<kWidth, T>*>(from)[load];
      const T* const elements = reinterpret_cast<const T*>(&bits);
      for (int i = 0; i < kPerLoad; ++i) {
        floats[load * kPerLoad + i] = ToFloat(elements[i]);
      }
    }
  }
  return floats;
}

template <int kWidth, typename T>
__device__ void Store(const Floats<kWidth>& floats, T* to) {
  if constexpr (kWidth == 1) {
    *to = FromFloat<T>(floats[0]);
  } else {
    constexpr int kPerStore = sizeof(Bits<kWidth, T>) / sizeof(T);
    for (int store = 0; store < kWidth / kPerStore; ++store) {
      Bits<kWidth, T> bits;
      T* const elements = reinterpret_cast<T*>(&bits);
      for (int i = 0; i < kPerStore; ++i) {
        elements[i] = FromFloat<T>(floats[store * kPerStore + i]);
      }
      reinterpret_cast<Bits<kWidth, T>*>(to)[store] = bits;
    }
  }
}

// Element [row, col] of a tensor of T.
template <typename T>
__device__ const T* At(const ConstTensor& tensor, int64_t row, int64_t col) {
  return static_cast<const T*>(tensor.data) + row * tensor.stride + col;
}
template <typename T>
__device__ T* At(const Tensor& tensor, int64_t row, int64_t col) {
  return static_cast<T*>(tensor.data) + row * tensor.stride + col;
}

inline bool IsAligned(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

// True if 16 bytes at a time may be taken of every row of `tensors` and of
// `arrays` of float32; absent ones are null.
inline bool AreWide(std::initializer_list<ConstTensor> tensors,
                    std::initializer_list<const void*> arrays = {}) {
  for (const ConstTensor& tensor : tensors) {
    if (tensor.data == nullptr) continue;
    const int64_t width = 16 / SizeOf(tensor.type);
    if (!IsAligned(tensor.data) || tensor.cols % width != 0 ||
        tensor.stride % width != 0) {
      return false;
    }
  }
  for (const void* array : arrays) {
    if (!IsAligned(array)) return false;
  }
  return true;
}

// Calls body.template operator()<T, kWidth>() for the tensors' type and width.
template <typename Body>
cudaError_t WithElements(DataType type, bool wide, const Body& body) {
  if (type == DataType::kFloat32) {
    return wide ? body.template operator()<float, 4>()
                : body.template operator()<float, 1>();
  }
  return wide ? body.template operator()<__nv_bfloat16, 8>()
              : body.template operator()<__nv_bfloat16, 1>();
}

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ELEMENT_H_
