#include "tests/numerics/reference_gpt2.h"

#include <cmath>

namespace penstock {
namespace {

// y = x w + b; x [rows, in], w [in, out].
Vector Linear(const Vector& x, const Vector& w, const Vector& b) {
  const size_t out = b.size();
  const size_t in = w.size() / out;
  const size_t rows = x.size() / in;
  Vector y(rows * out);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t o = 0; o < out; ++o) {
      double sum = b[o];
      for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[i * out + o];
      y[r * out + o] = sum;
    }
  }
  return y;
}

Vector LayerNorm(const Vector& x, const Vector& gain, const Vector& bias) {
  const size_t cols = gain.size();
  Vector y(x.size());
  for (size_t begin = 0; begin < x.size(); begin += cols) {
    double mean = 0;
    for (size_t c = 0; c < cols; ++c) mean += x[begin + c];
    mean /= static_cast<double>(cols);
    double variance = 0;
    for (size_t c = 0; c < cols; ++c) {
      variance += (x[begin + c] - mean) * (x[begin + c] - mean);
    }
    variance /= static_cast<double>(cols);
    const double deviation = std::sqrt(variance + kGpt2Epsilon);
    for (size_t c = 0; c < cols; ++c) {
      y[begin + c] = (x[begin + c] - mean) / deviation * gain[c] + bias[c];
    }
  }
  return y;
}

Vector Gelu(const Vector& x) {
  Vector y(x.size());
  const double root = std::sqrt(2 / std::acos(-1.0));
  for (size_t i = 0; i < x.size(); ++i) {
    const double cubic = x[i] + 0.044715 * x[i] * x[i] * x[i];
    y[i] = 0.5 * x[i] * (1 + std::tanh(root * cubic));
  }
  return y;
}

// The output for one head's query at row `sample_begin` + t.
void AttendOne(const Gpt2Config& config, const Vector& qkv, size_t sample_begin,
               size_t t, size_t head, Vector& out) {
  const size_t hidden = static_cast<size_t>(config.hidden);
  const size_t dim = hidden / static_cast<size_t>(config.heads);
  const auto at = [&](size_t row, size_t which, size_t d) {
    return qkv[(sample_begin + row) * 3 * hidden + which * hidden + head * dim +
               d];
  };
  Vector weight(t + 1);
  double total = 0;
  for (size_t s = 0; s <= t; ++s) {
    double score = 0;
    for (size_t d = 0; d < dim; ++d) score += at(t, 0, d) * at(s, 1, d);
    weight[s] = std::exp(score / std::sqrt(static_cast<double>(dim)));
    total += weight[s];
  }
  for (size_t d = 0; d < dim; ++d) {
    double sum = 0;
    for (size_t s = 0; s <= t; ++s) sum += weight[s] / total * at(s, 2, d);
    out[(sample_begin + t) * hidden + head * dim + d] = sum;
  }
}

Vector Attention(const Gpt2Config& config, const Vector& qkv) {
  Vector out(qkv.size() / 3);
  const size_t rows = out.size() / static_cast<size_t>(config.hidden);
  const size_t sequence = static_cast<size_t>(config.sequence_length);
  for (size_t begin = 0; begin < rows; begin += sequence) {
    for (size_t t = 0; t < sequence; ++t) {
      for (size_t head = 0; head < static_cast<size_t>(config.heads); ++head) {
        AttendOne(config, qkv, begin, t, head, out);
      }
    }
  }
  return out;
}

Vector Add(Vector a, const Vector& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

}  // namespace

Vector ReferenceEmbedding(const Gpt2Config& config, const Parameters& weights,
                          const std::vector<int32_t>& tokens) {
  const size_t hidden = static_cast<size_t>(config.hidden);
  Vector y(tokens.size() * hidden);
  for (size_t r = 0; r < tokens.size(); ++r) {
    const size_t token = static_cast<size_t>(tokens[r]);
    const size_t t = r % static_cast<size_t>(config.sequence_length);
    for (size_t c = 0; c < hidden; ++c) {
      y[r * hidden + c] =
          weights[0][token * hidden + c] + weights[1][t * hidden + c];
    }
  }
  return y;
}

Vector ReferenceBlock(const Gpt2Config& config, const Parameters& weights,
                      const Vector& x) {
  const Vector norm1 = LayerNorm(x, weights[0], weights[1]);
  const Vector qkv = Linear(norm1, weights[2], weights[3]);
  const Vector attention = Attention(config, qkv);
  const Vector middle = Add(Linear(attention, weights[4], weights[5]), x);
  const Vector norm2 = LayerNorm(middle, weights[6], weights[7]);
  const Vector fc = Linear(norm2, weights[8], weights[9]);
  return Add(Linear(Gelu(fc), weights[10], weights[11]), middle);
}

Vector ReferenceHead(const Gpt2Config& config, const Parameters& weights,
                     const Vector& x, const std::vector<int32_t>& labels) {
  const Vector norm = LayerNorm(x, weights[0], weights[1]);
  const size_t hidden = static_cast<size_t>(config.hidden);
  const size_t vocabulary = static_cast<size_t>(config.vocabulary);
  Vector losses(labels.size());
  for (size_t r = 0; r < labels.size(); ++r) {
    Vector logits(vocabulary);
    double total = 0;
    for (size_t v = 0; v < vocabulary; ++v) {
      for (size_t c = 0; c < hidden; ++c) {
        logits[v] += norm[r * hidden + c] * weights[2][v * hidden + c];
      }
      total += std::exp(logits[v]);
    }
    losses[r] = std::log(total) - logits[static_cast<size_t>(labels[r])];
  }
  return losses;
}

}  // namespace penstock
