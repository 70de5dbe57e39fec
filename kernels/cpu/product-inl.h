// The small matrix product that attention is made of. Compiled once per
// instruction set, so the guard is Highway's.

#if defined(KERNELS_CPU_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_PRODUCT_INL_H_
#undef KERNELS_CPU_PRODUCT_INL_H_
#else
#define KERNELS_CPU_PRODUCT_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// A matrix that is read scalar by scalar: element [i, j] is at
// data[i * row + j * column], so a transpose costs nothing.
struct Scalars {
  const float* data;
  ptrdiff_t row;
  ptrdiff_t column;
};

// A matrix whose rows are contiguous.
template <typename T>
struct RowMajor {
  T* data;
  size_t stride;
};

// Registers hold kRows x kVectors accumulators, kVectors of b and one scalar
// of a: 8 x 2 of AVX-512's 32, 4 x 2 of the 16 that AVX2 has. Both have enough
// independent sums to hide the latency of a fused multiply-add.
inline constexpr int kTileRows = HWY_TARGET == HWY_AVX3 ? 8 : 4;

// c [kRows, kVectors * lanes] = or += a [kRows, k] b [k, kVectors * lanes].
template <int kRows, int kVectors, bool kAdd>
HWY_INLINE void ProductTile(size_t k, Scalars a, RowMajor<const float> b,
                            RowMajor<float> c) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  Vector sum[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j] =
          kAdd ? hn::LoadU(d, c.data + i * c.stride + j * lanes) : hn::Zero(d);
    }
  }
  for (size_t step = 0; step < k; ++step) {
    Vector b_row[kVectors];
    for (int j = 0; j < kVectors; ++j) {
      b_row[j] = hn::LoadU(d, b.data + step * b.stride + j * lanes);
    }
    for (int i = 0; i < kRows; ++i) {
      const Vector scalar = hn::Set(d, a.data[i * a.row + step * a.column]);
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = hn::MulAdd(scalar, b_row[j], sum[i][j]);
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      hn::StoreU(sum[i][j], d, c.data + i * c.stride + j * lanes);
    }
  }
}

// A panel of kVectors vectors of columns: all m rows of it while the panel of
// b is in the first-level cache.
template <int kVectors, bool kAdd>
HWY_INLINE void ProductPanel(size_t m, size_t k, Scalars a,
                             RowMajor<const float> b, RowMajor<float> c) {
  size_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    ProductTile<kTileRows, kVectors, kAdd>(
        k, {a.data + i * a.row, a.row, a.column}, b,
        {c.data + i * c.stride, c.stride});
  }
  for (; i < m; ++i) {
    ProductTile<1, kVectors, kAdd>(k, {a.data + i * a.row, a.row, a.column}, b,
                                   {c.data + i * c.stride, c.stride});
  }
}

// c [m, n] = a [m, k] b [k, n], or += with kAdd. n is a multiple of the lanes
// of a vector.
template <bool kAdd>
HWY_NOINLINE void Product(size_t m, size_t n, size_t k, Scalars a,
                          RowMajor<const float> b, RowMajor<float> c) {
  const size_t lanes = hn::Lanes(Floats());
  size_t j = 0;
  for (; j + 2 * lanes <= n; j += 2 * lanes) {
    ProductPanel<2, kAdd>(m, k, a, {b.data + j, b.stride},
                          {c.data + j, c.stride});
  }
  if (j < n) {
    ProductPanel<1, kAdd>(m, k, a, {b.data + j, b.stride},
                          {c.data + j, c.stride});
  }
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_PRODUCT_INL_H_
