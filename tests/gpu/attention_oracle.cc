#include "tests/gpu/attention_oracle.h"

#include <algorithm>
#include <cmath>

namespace penstock::gpu {

AttentionOracle::AttentionOracle(const AttentionShape& shape,
                                 const std::vector<double>& q,
                                 const std::vector<double>& k,
                                 const std::vector<double>& v,
                                 const std::vector<double>& dout)
    : out_(q.size()),
      lse_(q.size() / shape.head_dim),
      dq_(q.size()),
      dk_(k.size()),
      dv_(v.size()) {
  const int64_t dim = shape.head_dim;
  const int64_t width = shape.heads * dim;
  const int64_t group_width = shape.groups() * dim;
  const double scale = 1 / std::sqrt(static_cast<double>(dim));
  const auto dot = [&](const double* a, const double* b) {
    double sum = 0;
    for (int64_t c = 0; c < dim; ++c) sum += a[c] * b[c];
    return sum;
  };
  for (int64_t i = 0; i < shape.batch * shape.heads * shape.sequence; ++i) {
    const int64_t t = i % shape.sequence;
    const int64_t h = i / shape.sequence % shape.heads;
    const int64_t b = i / shape.sequence / shape.heads;
    const int64_t query = (b * shape.sequence + t) * width + h * dim;
    const int64_t first_key = b * shape.keys() * group_width +
                              h / (shape.heads / shape.groups()) * dim;
    const int64_t visible = shape.before + t + 1;
    std::vector<double> p(static_cast<size_t>(visible));
    double max = -INFINITY;
    for (int64_t j = 0; j < visible; ++j) {
      p[j] = scale * dot(&q[query], &k[first_key + j * group_width]);
      max = std::max(max, p[j]);
    }
    double sum = 0;
    for (double& score : p) sum += score = std::exp(score - max);
    lse_[i] = max + std::log(sum);
    double delta = 0;
    std::vector<double> dp(static_cast<size_t>(visible));
    for (int64_t j = 0; j < visible; ++j) {
      const int64_t key = first_key + j * group_width;
      p[j] /= sum;
      for (int64_t c = 0; c < dim; ++c) out_[query + c] += p[j] * v[key + c];
      dp[j] = dot(&dout[query], &v[key]);
      delta += p[j] * dp[j];
    }
    for (int64_t j = 0; j < visible; ++j) {
      const int64_t key = first_key + j * group_width;
      const double ds = scale * p[j] * (dp[j] - delta);
      for (int64_t c = 0; c < dim; ++c) {
        dq_[query + c] += ds * k[key + c];
        dk_[key + c] += ds * q[query + c];
        dv_[key + c] += p[j] * dout[query + c];
      }
    }
  }
}

}  // namespace penstock::gpu
