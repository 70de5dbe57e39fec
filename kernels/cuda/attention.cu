#include <algorithm>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/block.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/formulas/attention.h"

namespace penstock::cuda {
namespace {

constexpr int kWarps = 4;  // Of a block; each works alone.
constexpr int kThreads = kWarps * kWarpSize;

// What kernels need of an AttentionShape.
struct Sizes {
  int64_t sequence;
  int64_t before;
  int64_t keys;
  int64_t heads;    // Of what the warps have, queries or keys.
  int64_t sharing;  // Heads of queries to one of keys.
  int head_dim;
  float scale;
  int64_t warps;  // In all.
};

// Which row of which head a warp has: `rows` per head and sample.
struct Place {
  int64_t sample;
  int64_t head;
  int64_t row;

  __device__ Place(int64_t warp, int64_t rows, const Sizes& sizes)
      : sample(warp / rows / sizes.heads),
        head(warp / rows % sizes.heads),
        row(warp % rows) {}
};

__device__ inline int64_t WarpOfGrid() {
  return int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarpSize;
}

// One head's row in a warp's registers and shared memory: lane l has columns
// l, l + 32 ...
template <int kParts>
struct HeadRow {
  float value[kParts];

  template <typename T>
  __device__ void Load(const T* row, int lane, int head_dim) {
    for (int part = 0; part < kParts; ++part) {
      const int c = lane + part * kWarpSize;
      value[part] = c < head_dim ? ToFloat(row[c]) : 0.0f;
    }
  }

  __device__ void Share(float* shared, int lane) const {
    for (int part = 0; part < kParts; ++part) {
      shared[lane + part * kWarpSize] = value[part];
    }
  }

  template <typename T>
  __device__ void Write(T* row, int lane, int head_dim, float factor) const {
    for (int part = 0; part < kParts; ++part) {
      const int c = lane + part * kWarpSize;
      if (c < head_dim) row[c] = FromFloat<T>(value[part] * factor);
    }
  }

  __device__ void Scale(float factor) {
    for (int part = 0; part < kParts; ++part) value[part] *= factor;
  }

  // value += sum of weights[i] * (row i of `count` from `rows` on).
  template <typename T>
  __device__ void AddRows(const float* weights, const T* rows, int64_t stride,
                          int count, int lane, int head_dim) {
    for (int i = 0; i < count; ++i) {
      const T* const row = rows + i * stride;
      for (int part = 0; part < kParts; ++part) {
        const int c = lane + part * kWarpSize;
        if (c < head_dim) {
          value[part] = fmaf(weights[i], ToFloat(row[c]), value[part]);
        }
      }
    }
  }
};

template <typename T>
__device__ float Dot(const float* shared, const T* row, int head_dim) {
  float sum = 0;
  for (int c = 0; c < head_dim; ++c)
    sum = fmaf(shared[c], ToFloat(row[c]), sum);
  return sum;
}

// What a warp shares of two rows and of 32 weights of each.
template <int kParts>
struct Shared {
  float row[2][kParts * kWarpSize];
  float weight[2][kWarpSize];
};

// A query's softmax, 32 keys at a time: lane l scores key base + l.
template <typename T, int kParts>
__global__ void AttentionKernel(Sizes sizes, ConstTensor q, ConstTensor k,
                                ConstTensor v, Tensor out, float* lse) {
  __shared__ Shared<kParts> all_shared[kWarps];
  const int64_t warp = WarpOfGrid();
  if (warp >= sizes.warps) return;
  const int lane = threadIdx.x % kWarpSize;
  Shared<kParts>& shared = all_shared[threadIdx.x / kWarpSize];
  const Place at(warp, sizes.sequence, sizes);
  const int64_t query_row = at.sample * sizes.sequence + at.row;
  const int64_t col = at.head * sizes.head_dim;
  const int64_t key_col = at.head / sizes.sharing * sizes.head_dim;
  const int64_t key_row = at.sample * sizes.keys;
  HeadRow<kParts> query;
  query.Load(At<T>(q, query_row, col), lane, sizes.head_dim);
  query.Share(shared.row[0], lane);
  __syncwarp();

  const int64_t visible = sizes.before + at.row + 1;
  HeadRow<kParts> sum = {};
  float max = -INFINITY;
  float total = 0;
  for (int64_t base = 0; base < visible; base += kWarpSize) {
    const int count = static_cast<int>(min(visible - base, int64_t{kWarpSize}));
    float score = -INFINITY;
    if (lane < count) {
      score = sizes.scale * Dot(shared.row[0],
                                At<T>(k, key_row + base + lane, key_col),
                                sizes.head_dim);
    }
    const float block_max = fmaxf(max, WarpMax(score));
    const float weight = expf(score - block_max);
    const float correction = expf(max - block_max);
    total = fmaf(total, correction, WarpSum(weight));
    max = block_max;
    __syncwarp();  // The weights before are used.
    shared.weight[0][lane] = weight;
    __syncwarp();
    sum.Scale(correction);
    sum.AddRows(shared.weight[0], At<T>(v, key_row + base, key_col), v.stride,
                count, lane, sizes.head_dim);
  }
  sum.Write(At<T>(out, query_row, col), lane, sizes.head_dim, 1 / total);
  if (lane == 0) lse[warp] = max + logf(total);
}

// dq of one query, and its delta for the keys' pass.
template <typename T, int kParts>
__global__ void QueryGradientKernel(Sizes sizes, ConstTensor q, ConstTensor k,
                                    ConstTensor v, ConstTensor out,
                                    ConstTensor dout, const float* lse,
                                    float* delta, Tensor dq) {
  __shared__ Shared<kParts> all_shared[kWarps];
  const int64_t warp = WarpOfGrid();
  if (warp >= sizes.warps) return;
  const int lane = threadIdx.x % kWarpSize;
  Shared<kParts>& shared = all_shared[threadIdx.x / kWarpSize];
  const Place at(warp, sizes.sequence, sizes);
  const int64_t query_row = at.sample * sizes.sequence + at.row;
  const int64_t col = at.head * sizes.head_dim;
  const int64_t key_col = at.head / sizes.sharing * sizes.head_dim;
  const int64_t key_row = at.sample * sizes.keys;
  HeadRow<kParts> row;
  row.Load(At<T>(q, query_row, col), lane, sizes.head_dim);
  row.Share(shared.row[0], lane);
  HeadRow<kParts> outs;
  outs.Load(At<T>(out, query_row, col), lane, sizes.head_dim);
  row.Load(At<T>(dout, query_row, col), lane, sizes.head_dim);
  row.Share(shared.row[1], lane);
  float product = 0;
  for (int part = 0; part < kParts; ++part) {
    product = fmaf(row.value[part], outs.value[part], product);
  }
  const float row_delta = WarpSum(product);
  const float row_lse = lse[warp];
  __syncwarp();

  const int64_t visible = sizes.before + at.row + 1;
  HeadRow<kParts> sum = {};
  for (int64_t base = 0; base < visible; base += kWarpSize) {
    const int count = static_cast<int>(min(visible - base, int64_t{kWarpSize}));
    float gradient = 0;
    if (lane < count) {
      const int64_t key = key_row + base + lane;
      const float score =
          sizes.scale *
          Dot(shared.row[0], At<T>(k, key, key_col), sizes.head_dim);
      const float dp =
          Dot(shared.row[1], At<T>(v, key, key_col), sizes.head_dim);
      gradient =
          ScoreGradient(expf(score - row_lse), dp, row_delta, sizes.scale);
    }
    __syncwarp();
    shared.weight[0][lane] = gradient;
    __syncwarp();
    sum.AddRows(shared.weight[0], At<T>(k, key_row + base, key_col), k.stride,
                count, lane, sizes.head_dim);
  }
  sum.Write(At<T>(dq, query_row, col), lane, sizes.head_dim, 1.0f);
  if (lane == 0) delta[warp] = row_delta;
}

// dk and dv of one key, 32 queries at a time, from the first that sees it, for
// one head of queries after the other.
template <typename T, int kParts>
__global__ void KeyGradientKernel(Sizes sizes, ConstTensor q, ConstTensor k,
                                  ConstTensor v, ConstTensor dout,
                                  const float* lse, const float* delta,
                                  Tensor dk, Tensor dv) {
  __shared__ Shared<kParts> all_shared[kWarps];
  const int64_t warp = WarpOfGrid();
  if (warp >= sizes.warps) return;
  const int lane = threadIdx.x % kWarpSize;
  Shared<kParts>& shared = all_shared[threadIdx.x / kWarpSize];
  const Place at(warp, sizes.keys, sizes);
  const int64_t key_row = at.sample * sizes.keys + at.row;
  const int64_t key_col = at.head * sizes.head_dim;
  const int64_t query_row = at.sample * sizes.sequence;
  HeadRow<kParts> row;
  row.Load(At<T>(k, key_row, key_col), lane, sizes.head_dim);
  row.Share(shared.row[0], lane);
  row.Load(At<T>(v, key_row, key_col), lane, sizes.head_dim);
  row.Share(shared.row[1], lane);
  __syncwarp();

  HeadRow<kParts> key_sum = {};
  HeadRow<kParts> value_sum = {};
  const int64_t first = max(at.row - sizes.before, int64_t{0});
  for (int64_t h = at.head * sizes.sharing; h < (at.head + 1) * sizes.sharing;
       ++h) {
    const int64_t col = h * sizes.head_dim;
    const int64_t statistics =
        (at.sample * sizes.heads * sizes.sharing + h) * sizes.sequence;
    for (int64_t base = first; base < sizes.sequence; base += kWarpSize) {
      const int count =
          static_cast<int>(min(sizes.sequence - base, int64_t{kWarpSize}));
      float weight = 0;
      float gradient = 0;
      if (lane < count) {
        const int64_t query = query_row + base + lane;
        const int64_t i = statistics + base + lane;
        const float score =
            sizes.scale *
            Dot(shared.row[0], At<T>(q, query, col), sizes.head_dim);
        const float dp =
            Dot(shared.row[1], At<T>(dout, query, col), sizes.head_dim);
        weight = expf(score - lse[i]);
        gradient = ScoreGradient(weight, dp, delta[i], sizes.scale);
      }
      __syncwarp();
      shared.weight[0][lane] = gradient;
      shared.weight[1][lane] = weight;
      __syncwarp();
      key_sum.AddRows(shared.weight[0], At<T>(q, query_row + base, col),
                      q.stride, count, lane, sizes.head_dim);
      value_sum.AddRows(shared.weight[1], At<T>(dout, query_row + base, col),
                        dout.stride, count, lane, sizes.head_dim);
    }
  }
  key_sum.Write(At<T>(dk, key_row, key_col), lane, sizes.head_dim, 1.0f);
  value_sum.Write(At<T>(dv, key_row, key_col), lane, sizes.head_dim, 1.0f);
}

// For one warp to each of `rows` of each of `heads`.
Sizes SizesOf(const AttentionShape& shape, int64_t heads, int64_t rows) {
  return {.sequence = shape.sequence,
          .before = shape.before,
          .keys = shape.keys(),
          .heads = heads,
          .sharing = shape.groups() == 0 ? 1 : shape.heads / shape.groups(),
          .head_dim = static_cast<int>(shape.head_dim),
          .scale = 1.0f / sqrtf(static_cast<float>(shape.head_dim)),
          .warps = shape.batch * heads * rows};
}

dim3 GridOf(const Sizes& sizes) { return dim3(CeilDiv(sizes.warps, kWarps)); }

// Calls body.template operator()<T, kParts>().
template <typename Body>
cudaError_t WithHeads(DataType type, int64_t head_dim, const Body& body) {
  const auto with_parts = [&]<typename T>() {
    if (head_dim <= 32) return body.template operator()<T, 1>();
    if (head_dim <= 64) return body.template operator()<T, 2>();
    if (head_dim <= 128) return body.template operator()<T, 4>();
    if (head_dim <= kHeadDimMax) return body.template operator()<T, 8>();
    return cudaErrorInvalidValue;
  };
  return type == DataType::kFloat32
             ? with_parts.template operator()<float>()
             : with_parts.template operator()<__nv_bfloat16>();
}

}  // namespace

cudaError_t Attention(cudaStream_t stream, const AttentionShape& shape,
                      ConstTensor q, ConstTensor k, ConstTensor v, Tensor out,
                      float* lse) {
  const Sizes sizes = SizesOf(shape, shape.heads, shape.sequence);
  if (sizes.warps == 0) return cudaSuccess;
  return WithHeads(q.type, shape.head_dim, [&]<typename T, int kParts>() {
    return Launch(stream, GridOf(sizes), kThreads, AttentionKernel<T, kParts>,
                  sizes, q, k, v, out, lse);
  });
}

cudaError_t AttentionBackward(cudaStream_t stream, const AttentionShape& shape,
                              ConstTensor q, ConstTensor k, ConstTensor v,
                              ConstTensor out, ConstTensor dout,
                              const float* lse, float* delta, Tensor dq,
                              Tensor dk, Tensor dv) {
  const Sizes queries = SizesOf(shape, shape.heads, shape.sequence);
  const Sizes keys = SizesOf(shape, shape.groups(), shape.keys());
  if (keys.warps == 0) return cudaSuccess;
  return WithHeads(q.type, shape.head_dim, [&]<typename T, int kParts>() {
    if (queries.warps > 0) {
      const cudaError_t error = Launch(stream, GridOf(queries), kThreads,
                                       QueryGradientKernel<T, kParts>, queries,
                                       q, k, v, out, dout, lse, delta, dq);
      if (error != cudaSuccess) return error;
    }
    return Launch(stream, GridOf(keys), kThreads, KeyGradientKernel<T, kParts>,
                  keys, q, k, v, dout, lse, static_cast<const float*>(delta),
                  dk, dv);
  });
}

}  // namespace penstock::cuda
