#ifndef KERNELS_BACKEND_H_
#define KERNELS_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/adamw_args.h"
#include "kernels/attention_shape.h"
#include "kernels/cuda_options.h"
#include "kernels/rope_shape.h"
#include "kernels/tensor.h"

namespace penstock {

// c = op(a) * op(b) [+ bias] [+ addend], or c += op(a) * op(b). a and b are of
// one type, which may be bfloat16 for a float32 c but not the other way; addend
// is of c's.
struct MatmulArgs {
  ConstTensor a;
  ConstTensor b;
  Tensor c;                  // [m, n]; must not overlap a, b, bias.
  bool transpose_a = false;  // op(a) is a's transpose: a is [k, m].
  bool transpose_b = false;  // b is [n, k].
  bool accumulate = false;   // Add to c; then neither bias nor addend.
  // [n], added to every row; may be rounded to c's type before.
  const float* bias = nullptr;
  ConstTensor addend;  // [m, n] when its data is set; may be c itself.
};

// One device and the operations that layers need on it.
//
// Operations are ordered as if by one queue and may return before they are
// done; `Synchronize` waits and reports the first error since the last call.
// Arguments are checked before anything is queued, so InvalidArgument always
// comes from the call itself. Same inputs give the same bits on the same
// device.
//
// "+=" in a comment means that the result is added to what is there (gradients
// of weights); "=" that it is overwritten (everything else). Statistics,
// biases, gains, losses and all gradients of weights are float32 whatever the
// tensors are; sums are taken in float32 or wider.
//
// Thread-compatible. Every backend passes
// tests/conformance/backend_conformance.
//
// Errors of every operation:
//   InvalidArgument: shapes do not agree, or a size is negative.
//   Unimplemented: the backend lacks the data type.
//   The first one's, from every call, after an error that cost the device.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;

  // Whether the host can read and write what Allocate gives.
  virtual bool host_memory() const = 0;

  // Uninitialized device memory, aligned to 256 bytes. Freed by `Free` only.
  //
  // Errors: ResourceExhausted: not enough memory.
  virtual absl::StatusOr<std::byte*> Allocate(int64_t bytes) = 0;
  virtual void Free(std::byte* memory) = 0;

  // Copies between host and device memory, or within the device. Host memory
  // must stay as it is, and is not yet written, until Synchronize.
  virtual absl::Status CopyIn(std::span<const std::byte> host,
                              std::byte* device) = 0;
  virtual absl::Status CopyOut(const std::byte* device,
                               std::span<std::byte> host) = 0;
  virtual absl::Status Copy(const std::byte* from, std::byte* to,
                            int64_t bytes) = 0;
  virtual absl::Status Zero(std::byte* memory, int64_t bytes) = 0;
  virtual absl::Status Synchronize() = 0;

  // Calls `queue`, which calls operations of this backend but none that waits,
  // allocates or frees, and returns their first error. Later calls with the
  // same key may queue the same operations again, with the same addresses and
  // numbers, without calling it: the key determines all that queue does.
  virtual absl::Status Replay(uint64_t key,
                              const std::function<absl::Status()>& queue) = 0;

  virtual absl::Status Matmul(const MatmulArgs& args) = 0;

  // sums[c] += sum over r of x[r, c]: the gradient of a bias.
  virtual absl::Status ColumnSums(ConstTensor x, float* sums) = 0;

  // out[i] += x[i].
  virtual absl::Status Accumulate(const float* x, int64_t count,
                                  float* out) = 0;

  // out = x in bfloat16, rounded to the nearest, ties to even; NaN stays NaN.
  // x is float32, out bfloat16; they do not overlap.
  virtual absl::Status Round(ConstTensor x, Tensor out) = 0;

  // LayerNorm (Ba et al. 2016), row by row:
  //   xhat = (x - mean) * rstd,  rstd = 1 / sqrt(variance + epsilon)
  //   out = xhat * gain + bias
  // x, out [rows, cols]; gain, bias [cols]; mean, rstd [rows] are outputs.
  virtual absl::Status LayerNorm(ConstTensor x, const float* gain,
                                 const float* bias, float epsilon, Tensor out,
                                 float* mean, float* rstd) = 0;

  // dx = addend + gradient of LayerNorm with respect to x; dout, addend and dx
  // [rows, cols]. addend may have null data, for none. dx may be addend or
  // dout.
  virtual absl::Status LayerNormBackwardInput(
      ConstTensor dout, ConstTensor x, const float* mean, const float* rstd,
      const float* gain, ConstTensor addend, Tensor dx) = 0;

  // dgain[c] += sum_r dout * xhat,  dbias[c] += sum_r dout, and out is the
  // norm's output again, the same bits; null data for none.
  virtual absl::Status LayerNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                               const float* mean,
                                               const float* rstd,
                                               const float* gain,
                                               const float* bias, Tensor out,
                                               float* dgain, float* dbias) = 0;

  // RMSNorm (Zhang & Sennrich 2019), row by row:
  //   xhat = x * rstd,  rstd = 1 / sqrt(mean(x^2) + epsilon)
  //   out = xhat * gain
  // Shapes and aliasing as LayerNorm; rstd [rows] is an output.
  virtual absl::Status RmsNorm(ConstTensor x, const float* gain, float epsilon,
                               Tensor out, float* rstd) = 0;

  // dx = addend + gradient of RmsNorm with respect to x. addend may have null
  // data, for none. dx may be addend or dout.
  virtual absl::Status RmsNormBackwardInput(ConstTensor dout, ConstTensor x,
                                            const float* rstd,
                                            const float* gain,
                                            ConstTensor addend, Tensor dx) = 0;

  // dgain[c] += sum_r dout * xhat, and out as above.
  virtual absl::Status RmsNormBackwardWeight(ConstTensor dout, ConstTensor x,
                                             const float* rstd,
                                             const float* gain, Tensor out,
                                             float* dgain) = 0;

  // out = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel
  // 2016, the tanh form). out may be x.
  virtual absl::Status Gelu(ConstTensor x, Tensor out) = 0;

  // dx = dout * gelu'(x), out = gelu(x) with the bits of Gelu, and the gradient
  // of x's bias: sums[c] += sum over r of dx[r, c], taken before dx is rounded.
  // dx may be dout; out must not overlap the others.
  virtual absl::Status GeluBackward(ConstTensor dout, ConstTensor x, Tensor dx,
                                    Tensor out, float* sums) = 0;

  // out = silu(gate) * up, silu(g) = g / (1 + exp(-g)) (Shazeer 2020). out may
  // be gate or up.
  virtual absl::Status SwiGlu(ConstTensor gate, ConstTensor up, Tensor out) = 0;

  // dgate = dout * up * silu'(gate), dup = dout * silu(gate), and out with the
  // bits of SwiGlu. dgate or dup may be dout; else nothing overlaps.
  virtual absl::Status SwiGluBackward(ConstTensor dout, ConstTensor gate,
                                      ConstTensor up, Tensor dgate, Tensor dup,
                                      Tensor out) = 0;

  // Turns each pair (a, b) of each head of x [rows, n * head_dim] by its angle
  // frequency * position, in place:
  //   a, b = a cos - b sin, b cos + a sin
  // Angles are taken in double.
  virtual absl::Status Rope(const RopeShape& shape, Tensor x) = 0;

  // The gradient of Rope, which turns back: dx is that of the output and
  // becomes that of the input.
  virtual absl::Status RopeBackward(const RopeShape& shape, Tensor dx) = 0;

  // out = softmax(q k' / sqrt(head_dim), causal) v, block by block (Dao 2023);
  // lse [batch, heads, sequence] keeps each row's log-sum-exp. `scratch` has
  // AttentionScratchBytes.
  virtual absl::Status Attention(const AttentionShape& shape, ConstTensor q,
                                 ConstTensor k, ConstTensor v, Tensor out,
                                 float* lse, std::byte* scratch) = 0;

  // dq, dk, dv from dout and what the forward pass had. Recomputes the softmax
  // from lse; never holds more than a block of it.
  virtual absl::Status AttentionBackward(const AttentionShape& shape,
                                         ConstTensor q, ConstTensor k,
                                         ConstTensor v, ConstTensor out,
                                         ConstTensor dout, const float* lse,
                                         Tensor dq, Tensor dk, Tensor dv,
                                         std::byte* scratch) = 0;

  // out[r] = token_table[tokens[r]] + position_table[r % sequence]. Tables are
  // [vocabulary, cols] and [>= sequence, cols]; tokens [rows] are on the
  // device. A position table with null data counts as zeros.
  //
  // Errors: InvalidArgument also for a token >= vocabulary, on backends that
  // see it; callers check tokens when they read them.
  virtual absl::Status Embedding(const int32_t* tokens, int64_t sequence,
                                 ConstTensor token_table,
                                 ConstTensor position_table, Tensor out) = 0;

  // d_token_table[tokens[r]] += dout[r], d_position_table[r % sequence] +=
  // dout[r], r ascending.
  virtual absl::Status EmbeddingBackward(const int32_t* tokens,
                                         int64_t sequence, ConstTensor dout,
                                         Tensor d_token_table,
                                         Tensor d_position_table) = 0;

  // Softmax cross-entropy of each row of logits [rows, vocabulary]:
  //   losses[r] = log(sum_c exp(logits[r, c])) - logits[r, labels[r]]
  // in nats, and logits becomes scale * (softmax - onehot(label)), the
  // gradient.
  virtual absl::Status CrossEntropy(Tensor logits, const int32_t* labels,
                                    float scale, float* losses) = 0;

  // sums[i] = sum of x^2 over the elements x of arrays[i], in double, in an
  // order that depends on their number alone. Host memory; waits for all once.
  virtual absl::Status SumsOfSquares(
      std::span<const std::span<const float>> arrays,
      std::span<double> sums) = 0;

  // AdamW (Loshchilov & Hutter 2019, algorithm 2), g = gradient_scale *
  // gradient:
  //   w -= lr * decay * w;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2
  //   w -= lr * (m / (1-b1^step)) / (sqrt(v / (1-b2^step)) + epsilon)
  virtual absl::Status AdamW(const AdamWArgs& args) = 0;
};

// Bytes that Attention and AttentionBackward need at `scratch`, the larger of
// the two over all backends.
int64_t AttentionScratchBytes(const AttentionShape& shape);

// Runs on the calling thread.
std::unique_ptr<Backend> MakeCpuBackend();

// Errors:
//   Unavailable: built without CUDA, no driver, one too old, or no such device.
//   ResourceExhausted: not enough device memory to start.
absl::StatusOr<std::unique_ptr<Backend>> MakeCudaBackend(
    int device, const CudaOptions& options = {});

}  // namespace penstock

#endif  // KERNELS_BACKEND_H_
