#include "tests/numerics/reference_llama.h"

#include <cmath>
#include <complex>

namespace penstock {
namespace {

// y = x w'; x [rows, in], w [out, in].
Vector Linear(const Vector& x, const Vector& w, int64_t in) {
  const size_t width = static_cast<size_t>(in);
  const size_t out = w.size() / width;
  const size_t rows = x.size() / width;
  Vector y(rows * out);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t o = 0; o < out; ++o) {
      for (size_t i = 0; i < width; ++i) {
        y[r * out + o] += x[r * width + i] * w[o * width + i];
      }
    }
  }
  return y;
}

Vector RmsNorm(const LlamaConfig& config, const Vector& x, const Vector& gain) {
  const size_t cols = gain.size();
  Vector y(x.size());
  for (size_t begin = 0; begin < x.size(); begin += cols) {
    double squares = 0;
    for (size_t c = 0; c < cols; ++c) squares += x[begin + c] * x[begin + c];
    const double root = std::sqrt(squares / static_cast<double>(cols) +
                                  config.rms_norm_epsilon);
    for (size_t c = 0; c < cols; ++c)
      y[begin + c] = x[begin + c] / root * gain[c];
  }
  return y;
}

// x [rows, n * head_dim]: columns i and i + head_dim / 2 of a head are a
// complex number that is multiplied by exp(i * position * theta^(-2i /
// head_dim)).
Vector Rope(const LlamaConfig& config, const Vector& x, size_t cols) {
  const size_t dim = static_cast<size_t>(config.head_dim);
  const size_t sequence = static_cast<size_t>(config.sequence_length);
  Vector y(x.size());
  for (size_t head = 0; head < x.size(); head += dim) {
    const double position = static_cast<double>(head / cols % sequence);
    for (size_t i = 0; i < dim / 2; ++i) {
      const double power =
          -2 * static_cast<double>(i) / static_cast<double>(dim);
      const double angle = position * std::pow(config.rope_theta, power);
      const std::complex<double> turned =
          std::complex(x[head + i], x[head + i + dim / 2]) *
          std::polar(1.0, angle);
      y[head + i] = turned.real();
      y[head + i + dim / 2] = turned.imag();
    }
  }
  return y;
}

// The output for one head's query at row `begin` + t.
void AttendOne(const LlamaConfig& config, const Vector& q, const Vector& k,
               const Vector& v, size_t begin, size_t t, size_t head,
               Vector& out) {
  const size_t dim = static_cast<size_t>(config.head_dim);
  const size_t heads = static_cast<size_t>(config.heads);
  const size_t kv_heads = static_cast<size_t>(config.kv_heads);
  const size_t kv_head = head / (heads / kv_heads);
  const size_t query = ((begin + t) * heads + head) * dim;
  const auto key = [&](size_t s) {
    return ((begin + s) * kv_heads + kv_head) * dim;
  };
  Vector weight(t + 1);
  double total = 0;
  for (size_t s = 0; s <= t; ++s) {
    double score = 0;
    for (size_t d = 0; d < dim; ++d) score += q[query + d] * k[key(s) + d];
    weight[s] = std::exp(score / std::sqrt(static_cast<double>(dim)));
    total += weight[s];
  }
  for (size_t s = 0; s <= t; ++s) {
    for (size_t d = 0; d < dim; ++d) {
      out[query + d] += weight[s] / total * v[key(s) + d];
    }
  }
}

Vector Attention(const LlamaConfig& config, const Vector& q, const Vector& k,
                 const Vector& v) {
  Vector out(q.size());
  const size_t heads = static_cast<size_t>(config.heads);
  const size_t rows = q.size() / heads / static_cast<size_t>(config.head_dim);
  const size_t sequence = static_cast<size_t>(config.sequence_length);
  for (size_t begin = 0; begin < rows; begin += sequence) {
    for (size_t t = 0; t < sequence; ++t) {
      for (size_t head = 0; head < heads; ++head) {
        AttendOne(config, q, k, v, begin, t, head, out);
      }
    }
  }
  return out;
}

Vector Add(Vector a, const Vector& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

Vector SwiGlu(const Vector& gate, const Vector& up) {
  Vector y(gate.size());
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  }
  return y;
}

}  // namespace

Vector ReferenceEmbedding(const LlamaConfig& config, const Parameters& weights,
                          const std::vector<int32_t>& tokens) {
  Vector y;
  for (const int32_t token : tokens) {
    const auto row = weights[0].begin() + token * config.hidden;
    y.insert(y.end(), row, row + config.hidden);
  }
  return y;
}

Vector ReferenceBlock(const LlamaConfig& config, const Parameters& weights,
                      const Vector& x) {
  const int64_t q_width = config.heads * config.head_dim;
  const int64_t kv_width = config.kv_heads * config.head_dim;
  const Vector norm1 = RmsNorm(config, x, weights[0]);
  const Vector q = Linear(norm1, weights[1], config.hidden);
  const Vector k = Linear(norm1, weights[2], config.hidden);
  const Vector v = Linear(norm1, weights[3], config.hidden);
  const Vector attention =
      Attention(config, Rope(config, q, static_cast<size_t>(q_width)),
                Rope(config, k, static_cast<size_t>(kv_width)), v);
  const Vector middle = Add(Linear(attention, weights[4], q_width), x);
  const Vector norm2 = RmsNorm(config, middle, weights[5]);
  const Vector activation = SwiGlu(Linear(norm2, weights[6], config.hidden),
                                   Linear(norm2, weights[7], config.hidden));
  return Add(Linear(activation, weights[8], config.intermediate), middle);
}

Vector ReferenceHead(const LlamaConfig& config, const Parameters& weights,
                     const Vector& x, const std::vector<int32_t>& labels) {
  const Vector logits =
      Linear(RmsNorm(config, x, weights[0]), weights[1], config.hidden);
  const size_t vocabulary = static_cast<size_t>(config.vocabulary);
  Vector losses(labels.size());
  for (size_t r = 0; r < labels.size(); ++r) {
    double total = 0;
    for (size_t c = 0; c < vocabulary; ++c) {
      total += std::exp(logits[r * vocabulary + c]);
    }
    losses[r] = std::log(total) -
                logits[r * vocabulary + static_cast<size_t>(labels[r])];
  }
  return losses;
}

}  // namespace penstock
