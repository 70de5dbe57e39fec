#include "tests/gpu/roofline.h"

#include <algorithm>
#include <cmath>

namespace penstock::gpu {
namespace {

// Twice the pairs of a query and a key that it sees, over all heads.
int64_t TwicePairs(const AttentionShape& shape) {
  return shape.batch * shape.heads *
         (shape.sequence * shape.sequence + 2 * shape.sequence * shape.before);
}

// Bytes of one tensor of queries, of one of keys, and of a float per row and
// head.
struct AttentionBytes {
  int64_t queries = 0;
  int64_t keys = 0;
  int64_t statistics = 0;
};

AttentionBytes BytesOf(const AttentionShape& shape, DataType type) {
  const int64_t rows = shape.batch * shape.sequence;
  return {.queries = rows * shape.heads * shape.head_dim * SizeOf(type),
          .keys = shape.batch * shape.keys() * shape.groups() * shape.head_dim *
                  SizeOf(type),
          .statistics = rows * shape.heads * 4};
}

double TeraflopsPerSecond(const Work& work, const Rates& rates) {
  const bool wide = work.width > 64;
  switch (work.unit) {
    case Unit::kProduct:
      return rates.Product(work.width);
    case Unit::kAttention:
      return wide ? rates.wide_attention : rates.attention;
    case Unit::kAttentionBackward:
      return wide ? rates.wide_attention_backward : rates.attention_backward;
    case Unit::kMemory:
      break;
  }
  return rates.wide_product;  // It has no operations.
}

}  // namespace

Work WorkOf(const MatmulArgs& args) {
  const int64_t m = args.c.rows;
  const int64_t n = args.c.cols;
  const int64_t k = args.transpose_a ? args.a.rows : args.a.cols;
  const int64_t results = m * n * SizeOf(args.c.type);
  const int64_t added = args.accumulate || args.addend.data != nullptr;
  return {.unit = Unit::kProduct,
          .width = std::min({m, n, k}),
          .flops = 2 * m * n * k,
          .bytes = (m * k + k * n) * SizeOf(args.a.type) +
                   (1 + added) * results + (args.bias == nullptr ? 0 : n * 4)};
}

Work WorkOfAttention(const AttentionShape& shape, DataType type) {
  const AttentionBytes bytes = BytesOf(shape, type);
  return {.unit = Unit::kAttention,
          .width = shape.head_dim,
          .flops = 2 * TwicePairs(shape) * shape.head_dim,
          // q and out; k and v.
          .bytes = 2 * bytes.queries + 2 * bytes.keys + bytes.statistics};
}

Work WorkOfAttentionBackward(const AttentionShape& shape, DataType type) {
  const AttentionBytes bytes = BytesOf(shape, type);
  return {.unit = Unit::kAttentionBackward,
          .width = shape.head_dim,
          .flops = 5 * TwicePairs(shape) * shape.head_dim,
          // q, out, dout and dq; k, v, dk and dv.
          .bytes = 4 * bytes.queries + 4 * bytes.keys + bytes.statistics};
}

double Rates::Product(int64_t width) const {
  constexpr double kNarrow = 768;
  constexpr double kWide = 4096;
  const double bounded = std::clamp(static_cast<double>(width), kNarrow, kWide);
  return narrow_product + (wide_product - narrow_product) *
                              std::log(bounded / kNarrow) /
                              std::log(kWide / kNarrow);
}

double SecondsOf(const Work& work, const Rates& rates) {
  return std::max(static_cast<double>(work.flops) /
                      (1e12 * TeraflopsPerSecond(work, rates)),
                  static_cast<double>(work.bytes) / (1e12 * rates.memory));
}

}  // namespace penstock::gpu
