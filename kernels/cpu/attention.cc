#include "kernels/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include "hwy/foreach_target.h"
// Highway's order: its headers after foreach_target.h.
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/cpu/product-inl.h"
#include "kernels/cpu/vector-inl.h"

#ifndef KERNELS_CPU_ATTENTION_CC_ONCE_
#define KERNELS_CPU_ATTENTION_CC_ONCE_

namespace penstock::cpu {

// Rows of queries and columns of keys that are in work at once. Few rows, for
// the half of the last block above the diagonal is computed in vain; a multiple
// of every tile's rows. A block of keys never ends inside a block of queries.
inline constexpr size_t kQueryBlock = 32;
inline constexpr size_t kKeyBlock = 128;
static_assert(kKeyBlock % kQueryBlock == 0);

// Sizes in scratch are rounded up to the widest vector's lanes, so that inner
// loops have no remainder; the padding is zero.
inline constexpr size_t kLanesMax = 16;

inline constexpr size_t Padded(size_t count) {
  return (count + kLanesMax - 1) / kLanesMax * kLanesMax;
}

// One head of one sample: [tokens, head_dim], rows `stride` apart.
struct HeadSize {
  size_t tokens;
  size_t head_dim;
};

// Queries are the last of the tokens that keys and values have.
struct HeadShape {
  size_t queries;
  size_t before;  // Keys before the first query.
  size_t head_dim;

  size_t keys() const { return before + queries; }
  HeadSize query_size() const { return {queries, head_dim}; }
  HeadSize key_size() const { return {keys(), head_dim}; }

  // How many of the `cols` keys from `k_begin` on query `q` sees.
  size_t Visible(size_t q, size_t k_begin, size_t cols) const {
    const size_t end = before + q + 1;
    return end <= k_begin ? 0 : std::min(cols, end - k_begin);
  }
};

// Hands out the parts of the caller's scratch memory.
class ScratchSpace {
 public:
  explicit ScratchSpace(std::byte* memory)
      : next_(reinterpret_cast<float*>(memory)) {}

  float* Take(size_t rows, size_t cols) {
    float* const taken = next_;
    next_ += rows * cols;
    return taken;
  }

 private:
  float* next_;
};

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_ATTENTION_CC_ONCE_

HWY_BEFORE_NAMESPACE();
namespace penstock::cpu::HWY_NAMESPACE {

// to [sequence, Padded(head_dim)] = from, zeros beyond.
void Pack(HeadSize size, RowMajor<const float> from, float* to) {
  const size_t width = Padded(size.head_dim);
  for (size_t t = 0; t < size.tokens; ++t) {
    Copy(from.data + t * from.stride, size.head_dim, to + t * width);
    Fill0(width - size.head_dim, to + t * width + size.head_dim);
  }
}

// to [4, 4] = from's transpose.
HWY_INLINE void Transpose4(RowMajor<const float> from, RowMajor<float> to) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t i = 0; i < 16; ++i) {
    to.data[i / 4 * to.stride + i % 4] = from.data[i % 4 * from.stride + i / 4];
  }
#else
  const hn::FixedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto r0 = hn::LoadU(d, from.data);
  const auto r1 = hn::LoadU(d, from.data + from.stride);
  const auto r2 = hn::LoadU(d, from.data + 2 * from.stride);
  const auto r3 = hn::LoadU(d, from.data + 3 * from.stride);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
  const auto store = [=](auto row, size_t i) HWY_ATTR {
    hn::StoreU(hn::BitCast(d, row), d, to.data + i * to.stride);
  };
  store(hn::InterleaveLower(pairs, low01, low23), 0);
  store(hn::InterleaveUpper(pairs, low01, low23), 1);
  store(hn::InterleaveLower(pairs, high01, high23), 2);
  store(hn::InterleaveUpper(pairs, high01, high23), 3);
#endif
}

// to [head_dim, Padded(sequence)] = from's transpose, zeros beyond.
void PackTransposed(HeadSize size, RowMajor<const float> from, float* to) {
  const size_t width = Padded(size.tokens);
  const size_t whole_tokens = size.tokens / 4 * 4;
  const size_t whole_dims = size.head_dim / 4 * 4;
  for (size_t t = 0; t < whole_tokens; t += 4) {
    for (size_t c = 0; c < whole_dims; c += 4) {
      Transpose4({from.data + t * from.stride + c, from.stride},
                 {to + c * width + t, width});
    }
  }
  for (size_t c = 0; c < size.head_dim; ++c) {
    for (size_t t = c < whole_dims ? whole_tokens : 0; t < size.tokens; ++t) {
      to[c * width + t] = from.data[t * from.stride + c];
    }
    Fill0(width - size.tokens, to + c * width + size.tokens);
  }
}

// Has rows [begin, end) of a head fetched, from `column` on, while others are
// computed with. Rows are far apart, so the hardware does not see them coming.
template <typename T>
HWY_INLINE void PrefetchRows(HeadSize size, size_t begin, size_t end,
                             size_t column, RowMajor<T> head) {
  constexpr size_t kLine = 64 / sizeof(float);
  for (size_t t = begin; t < end; ++t) {
    for (size_t c = 0; c < size.head_dim; c += kLine) {
      hwy::Prefetch(head.data + t * head.stride + column + c);
    }
  }
}

// The running softmax of one row of queries (Milakov & Gimelshein 2018).
struct RowState {
  float max;  // Of the scores so far, not scaled.
  float sum;  // Of exp(scale * (score - max)).
};

// The largest of scores[0..count) and `max`.
HWY_INLINE float MaxOfRow(float max, size_t count, const float* scores) {
  const Floats d;
  Vector maxima = hn::Set(d, max);
  ForEachVector(count, [&](auto access, size_t i) HWY_ATTR {
    // What a part lacks must not count as a score of 0.
    maxima = hn::Max(maxima, access.Or(access.Load(scores + i), maxima));
  });
  return hn::GetLane(hn::MaxOfLanes(d, maxima));
}

// scores[0..count) become exp(scale * (score - max)), scores up to `end` 0;
// returns the sum.
HWY_INLINE float ExponentialsOfRow(float scale, float max, size_t count,
                                   size_t end, float* scores) {
  const Vector maxima = hn::Set(Floats(), max);
  const Vector scales = hn::Set(Floats(), scale);
  Vector sum = hn::Zero(Floats());
  ForEachVector(count, [&](auto access, size_t i) HWY_ATTR {
    const Vector power = access.Zeroed(
        Exp(hn::Mul(hn::Sub(access.Load(scores + i), maxima), scales)));
    sum = hn::Add(sum, power);
    access.Store(power, scores + i);
  });
  Fill0(end - count, scores + count);
  return Sum(sum);
}

HWY_INLINE void ScaleRow(float factor, size_t count, float* row) {
  const Vector factors = hn::Set(Floats(), factor);
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    access.Store(hn::Mul(access.Load(row + i), factors), row + i);
  });
}

void AttendHead(const HeadShape& shape, RowMajor<const float> q,
                RowMajor<const float> k, RowMajor<const float> v,
                RowMajor<float> out, float* lse, std::byte* scratch) {
  const size_t width = Padded(shape.head_dim);
  const size_t key_stride = Padded(shape.keys());
  const float scale = 1 / std::sqrt(static_cast<float>(shape.head_dim));
  ScratchSpace space(scratch);
  float* const keys = space.Take(shape.head_dim, key_stride);
  float* const values = space.Take(shape.keys(), width);
  float* const scores = space.Take(kQueryBlock, kKeyBlock);
  float* const sums = space.Take(kQueryBlock, width);
  PackTransposed(shape.key_size(), k, keys);
  Pack(shape.key_size(), v, values);
  const HeadSize size = shape.query_size();

  for (size_t q_begin = 0; q_begin < size.tokens; q_begin += kQueryBlock) {
    const size_t q_end = std::min(q_begin + kQueryBlock, size.tokens);
    const size_t rows = q_end - q_begin;
    RowState state[kQueryBlock];
    std::fill_n(state, rows, RowState{-INFINITY, 0});
    // The next head's columns follow this one's.
    PrefetchRows(size, q_begin, q_end, size.head_dim, k);
    PrefetchRows(size, q_begin, q_end, size.head_dim, v);
    PrefetchRows(size, q_begin, q_end, size.head_dim, q);
    PrefetchRows(size, q_begin, q_end, 0, out);
    Fill0(rows * width, sums);
    const size_t k_end = shape.before + q_end;
    for (size_t k_begin = 0; k_begin < k_end; k_begin += kKeyBlock) {
      const size_t cols = std::min(kKeyBlock, k_end - k_begin);
      Product<false>(
          rows, Padded(cols), size.head_dim,
          {q.data + q_begin * q.stride, static_cast<ptrdiff_t>(q.stride), 1},
          {keys + k_begin, key_stride}, {scores, kKeyBlock});
      const auto visible = [=](size_t r) {
        return shape.Visible(q_begin + r, k_begin, cols);
      };
      // All maxima first: rows then depend on nothing and overlap.
      float max[kQueryBlock];
      for (size_t r = 0; r < rows; ++r) {
        max[r] = MaxOfRow(state[r].max, visible(r), scores + r * kKeyBlock);
      }
      for (size_t r = 0; r < rows; ++r) {
        const float sum = ExponentialsOfRow(scale, max[r], visible(r), cols,
                                            scores + r * kKeyBlock);
        if (k_begin > 0) {
          const float correction = std::exp(scale * (state[r].max - max[r]));
          ScaleRow(correction, width, sums + r * width);
          state[r].sum *= correction;
        }
        state[r] = {max[r], state[r].sum + sum};
      }
      Product<true>(rows, width, cols, {scores, kKeyBlock, 1},
                    {values + k_begin * width, width}, {sums, width});
    }
    for (size_t r = 0; r < rows; ++r) {
      ScaleRow(1 / state[r].sum, width, sums + r * width);
      Copy(sums + r * width, size.head_dim,
           out.data + (q_begin + r) * out.stride);
      lse[q_begin + r] = scale * state[r].max + std::log(state[r].sum);
    }
  }
}

// The tensors of one head in the backward pass.
struct HeadGradients {
  RowMajor<const float> q;
  RowMajor<const float> k;
  RowMajor<const float> v;
  RowMajor<const float> out;
  RowMajor<const float> dout;
  RowMajor<float> dq;
  RowMajor<float> dk;
  RowMajor<float> dv;
  const float* lse;
  // Of the heads that share k and v: their sums grow in scratch from the first
  // to the last.
  bool first_of_group;
  bool last_of_group;
};

// The next head's columns follow this one's.
HWY_INLINE void PrefetchGradients(HeadSize size, size_t begin, size_t end,
                                  const HeadGradients& head) {
  for (const auto& next : {head.q, head.k, head.v, head.out, head.dout}) {
    PrefetchRows(size, begin, end, size.head_dim, next);
  }
  for (const auto& result : {head.dq, head.dk, head.dv}) {
    PrefetchRows(size, begin, end, 0, result);
  }
}

HWY_INLINE float Dot(const float* a, const float* b, size_t count) {
  Vector sum = hn::Zero(Floats());
  ForEachVector(count, [&](auto access, size_t i) HWY_ATTR {
    sum = hn::MulAdd(access.Load(a + i), access.Load(b + i), sum);
  });
  return Sum(sum);
}

// scores become p = exp(scale * score - lse), dp becomes
// ds = scale * p * (dp - delta); both 0 from `count` to `end`.
HWY_INLINE void SoftmaxBackwardRow(float scale, float lse, float delta,
                                   size_t count, size_t end, float* scores,
                                   float* dp) {
  const Floats d;
  const Vector scales = hn::Set(d, scale);
  const Vector lses = hn::Set(d, lse);
  const Vector deltas = hn::Set(d, delta);
  ForEachVector(count, [=](auto access, size_t i) HWY_ATTR {
    const Vector p = Exp(hn::MulSub(access.Load(scores + i), scales, lses));
    const Vector ds =
        hn::Mul(hn::Mul(p, scales), hn::Sub(access.Load(dp + i), deltas));
    access.Store(p, scores + i);
    access.Store(ds, dp + i);
  });
  Fill0(end - count, scores + count);
  Fill0(end - count, dp + count);
}

void Unpack(HeadSize size, const float* from, RowMajor<float> to) {
  const size_t width = Padded(size.head_dim);
  for (size_t t = 0; t < size.tokens; ++t) {
    Copy(from + t * width, size.head_dim, to.data + t * to.stride);
  }
}

// Equations of Dao 2023, algorithm 2, with the loop over queries outside: dq
// of a block is then finished at once, and dk and dv stay in the second-level
// cache.
void AttendHeadBackward(const HeadShape& shape, const HeadGradients& head,
                        std::byte* scratch) {
  const HeadSize size = shape.query_size();
  const HeadSize key_size = shape.key_size();
  const size_t width = Padded(size.head_dim);
  const size_t key_stride = Padded(key_size.tokens);
  const float scale = 1 / std::sqrt(static_cast<float>(size.head_dim));
  ScratchSpace space(scratch);
  float* const keys_across = space.Take(size.head_dim, key_stride);
  float* const values_across = space.Take(size.head_dim, key_stride);
  float* const queries = space.Take(size.tokens, width);
  float* const keys = space.Take(key_size.tokens, width);
  float* const douts = space.Take(size.tokens, width);
  float* const dk = space.Take(key_size.tokens, width);
  float* const dv = space.Take(key_size.tokens, width);
  float* const p = space.Take(kQueryBlock, kKeyBlock);
  float* const ds = space.Take(kQueryBlock, kKeyBlock);
  float* const dq = space.Take(kQueryBlock, width);
  PackTransposed(key_size, head.k, keys_across);
  PackTransposed(key_size, head.v, values_across);
  Pack(size, head.q, queries);
  Pack(key_size, head.k, keys);
  Pack(size, head.dout, douts);
  if (head.first_of_group) {
    for (float* const sums : {dk, dv}) Fill0(key_size.tokens * width, sums);
  }

  const ptrdiff_t row = static_cast<ptrdiff_t>(width);
  for (size_t q_begin = 0; q_begin < size.tokens; q_begin += kQueryBlock) {
    const size_t q_end = std::min(q_begin + kQueryBlock, size.tokens);
    const size_t rows = q_end - q_begin;
    float* const block_queries = queries + q_begin * width;
    float* const block_douts = douts + q_begin * width;
    Fill0(rows * width, dq);
    PrefetchGradients(size, q_begin, q_end, head);
    float delta[kQueryBlock];
    for (size_t r = 0; r < rows; ++r) {
      delta[r] =
          Dot(block_douts + r * width,
              head.out.data + (q_begin + r) * head.out.stride, size.head_dim);
    }
    const size_t k_end = shape.before + q_end;
    for (size_t k_begin = 0; k_begin < k_end; k_begin += kKeyBlock) {
      const size_t cols = std::min(kKeyBlock, k_end - k_begin);
      Product<false>(rows, Padded(cols), size.head_dim, {block_queries, row, 1},
                     {keys_across + k_begin, key_stride}, {p, kKeyBlock});
      Product<false>(rows, Padded(cols), size.head_dim, {block_douts, row, 1},
                     {values_across + k_begin, key_stride}, {ds, kKeyBlock});
      for (size_t r = 0; r < rows; ++r) {
        SoftmaxBackwardRow(scale, head.lse[q_begin + r], delta[r],
                           shape.Visible(q_begin + r, k_begin, cols), cols,
                           p + r * kKeyBlock, ds + r * kKeyBlock);
      }
      Product<true>(cols, width, rows, {p, 1, kKeyBlock}, {block_douts, width},
                    {dv + k_begin * width, width});
      Product<true>(cols, width, rows, {ds, 1, kKeyBlock},
                    {block_queries, width}, {dk + k_begin * width, width});
      Product<true>(rows, width, cols, {ds, kKeyBlock, 1},
                    {keys + k_begin * width, width}, {dq, width});
    }
    Unpack({rows, size.head_dim}, dq,
           {head.dq.data + q_begin * head.dq.stride, head.dq.stride});
  }
  if (!head.last_of_group) return;
  Unpack(key_size, dk, head.dk);
  Unpack(key_size, dv, head.dv);
}

// Head `h` of sample `b` in a tensor [batch * tokens, heads * head_dim].
template <typename T>
HWY_INLINE RowMajor<T> HeadOf(const AttentionShape& shape, int64_t tokens,
                              int64_t b, int64_t h, int64_t stride, T* data) {
  return {data + b * tokens * stride + h * shape.head_dim,
          static_cast<size_t>(stride)};
}

HWY_INLINE HeadShape HeadShapeOf(const AttentionShape& shape) {
  return {static_cast<size_t>(shape.sequence),
          static_cast<size_t>(shape.before),
          static_cast<size_t>(shape.head_dim)};
}

// How many heads of q share one of k and v. At least 1, also without heads.
HWY_INLINE int64_t HeadsPerGroup(const AttentionShape& shape) {
  return shape.heads / std::max<int64_t>(shape.groups(), 1);
}

void AttendAll(const AttentionShape& shape, const ConstTensor& q,
               const ConstTensor& k, const ConstTensor& v, const Tensor& out,
               float* lse, std::byte* scratch) {
  const HeadShape head_shape = HeadShapeOf(shape);
  const int64_t queries = shape.sequence;
  const int64_t keys = shape.keys();
  const int64_t sharing = HeadsPerGroup(shape);
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      const int64_t g = h / sharing;
      AttendHead(head_shape,
                 HeadOf(shape, queries, b, h, q.stride, q.as<float>()),
                 HeadOf(shape, keys, b, g, k.stride, k.as<float>()),
                 HeadOf(shape, keys, b, g, v.stride, v.as<float>()),
                 HeadOf(shape, queries, b, h, out.stride, out.as<float>()),
                 lse + (b * shape.heads + h) * shape.sequence, scratch);
    }
  }
}

// The tensors of a backward pass, all heads.
void AttendAllBackward(const AttentionShape& shape, const ConstTensor& q,
                       const ConstTensor& k, const ConstTensor& v,
                       const ConstTensor& out, const ConstTensor& dout,
                       const float* lse, const Tensor& dq, const Tensor& dk,
                       const Tensor& dv, std::byte* scratch) {
  const HeadShape head_shape = HeadShapeOf(shape);
  const int64_t queries = shape.sequence;
  const int64_t keys = shape.keys();
  const int64_t sharing = HeadsPerGroup(shape);
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      const int64_t g = h / sharing;
      const HeadGradients head{
          .q = HeadOf(shape, queries, b, h, q.stride, q.as<float>()),
          .k = HeadOf(shape, keys, b, g, k.stride, k.as<float>()),
          .v = HeadOf(shape, keys, b, g, v.stride, v.as<float>()),
          .out = HeadOf(shape, queries, b, h, out.stride, out.as<float>()),
          .dout = HeadOf(shape, queries, b, h, dout.stride, dout.as<float>()),
          .dq = HeadOf(shape, queries, b, h, dq.stride, dq.as<float>()),
          .dk = HeadOf(shape, keys, b, g, dk.stride, dk.as<float>()),
          .dv = HeadOf(shape, keys, b, g, dv.stride, dv.as<float>()),
          .lse = lse + (b * shape.heads + h) * shape.sequence,
          .first_of_group = h % sharing == 0,
          .last_of_group = (h + 1) % sharing == 0};
      AttendHeadBackward(head_shape, head, scratch);
    }
  }
}

}  // namespace penstock::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace penstock {
namespace cpu {

HWY_EXPORT(AttendAll);
HWY_EXPORT(AttendAllBackward);

void Attention(const AttentionShape& shape, ConstTensor q, ConstTensor k,
               ConstTensor v, Tensor out, float* lse, std::byte* scratch) {
  HWY_DYNAMIC_DISPATCH(AttendAll)(shape, q, k, v, out, lse, scratch);
}

void AttentionBackward(const AttentionShape& shape, ConstTensor q,
                       ConstTensor k, ConstTensor v, ConstTensor out,
                       ConstTensor dout, const float* lse, Tensor dq, Tensor dk,
                       Tensor dv, std::byte* scratch) {
  HWY_DYNAMIC_DISPATCH(AttendAllBackward)
  (shape, q, k, v, out, dout, lse, dq, dk, dv, scratch);
}

}  // namespace cpu

int64_t AttentionScratchBytes(const AttentionShape& shape) {
  const size_t sequence = shape.sequence;
  const size_t keys = shape.keys();
  const size_t head_dim = shape.head_dim;
  // The parts that AttendHeadBackward takes.
  const size_t floats = 2 * head_dim * cpu::Padded(keys) +
                        (3 * keys + 2 * sequence) * cpu::Padded(head_dim) +
                        2 * cpu::kQueryBlock * cpu::kKeyBlock +
                        cpu::kQueryBlock * cpu::Padded(head_dim);
  return static_cast<int64_t>(floats * sizeof(float));
}

}  // namespace penstock
#endif  // HWY_ONCE
