#include "kernels/cuda/attention_graph.h"

#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

using Dims = CudnnGraph::Dims;
using Ref = CudnnGraph::Ref;

constexpr cudnnDataType_t kFloat = CUDNN_DATA_FLOAT;
constexpr cudnnDataType_t kNarrow = CUDNN_DATA_BFLOAT16;

// Dimensions of the tensors of one attention.
struct Sizes {
  explicit Sizes(const AttentionShape& shape)
      : batch(shape.batch),
        sequence(shape.sequence),
        length(shape.keys()),
        before(shape.before),
        heads(shape.heads),
        groups(shape.groups()),
        dim(shape.head_dim) {}

  Dims queries() const { return {batch, heads, sequence, dim}; }
  Dims keys() const { return {batch, groups, length, dim}; }
  Dims transposed_keys() const { return {batch, groups, dim, length}; }
  Dims scores() const { return {batch, heads, sequence, length}; }
  Dims transposed_scores() const { return {batch, heads, length, sequence}; }
  Dims head_keys() const { return {batch, heads, length, dim}; }
  Dims statistics() const { return {batch, heads, sequence, 1}; }

  // Of tensors of rows [batch * sequence, ...] or, of keys, [batch * length,
  // ...], `stride` elements apart.
  Dims QueryStrides(int64_t stride) const {
    return {sequence * stride, dim, stride, 1};
  }
  Dims KeyStrides(int64_t stride) const {
    return {length * stride, dim, stride, 1};
  }
  Dims TransposedKeyStrides(int64_t stride) const {
    return {length * stride, dim, 1, stride};
  }
  Dims DenseStatistics() const { return {heads * sequence, sequence, 1, 1}; }
  // Of scores with rows and columns exchanged.
  Dims TransposedScores() const {
    return {heads * sequence * length, sequence * length, 1, length};
  }

  int64_t batch, sequence, length, before, heads, groups, dim;
};

// scores where the key is not after the query, else -infinity.
Ref Masked(CudnnGraph& graph, const Sizes& sizes, Ref scores) {
  const Ref minus_infinity = graph.Scalar(kMinusInfinity, kFloat);
  const Ref row = graph.Virtual(CUDNN_DATA_INT32, sizes.scores());
  const Ref column = graph.Virtual(CUDNN_DATA_INT32, sizes.scores());
  const Ref visible = graph.Virtual(CUDNN_DATA_BOOLEAN, sizes.scores());
  const Ref masked = graph.Virtual(kFloat, sizes.scores());
  graph.Index(2, scores, row);
  Ref last_visible = row;
  if (sizes.before > 0) {
    last_visible = graph.Virtual(CUDNN_DATA_INT32, sizes.scores());
    graph.Add(row, graph.Scalar(kBefore, CUDNN_DATA_INT32), last_visible);
  }
  graph.Index(3, scores, column);
  graph.GreaterOrEqual(last_visible, column, visible);
  graph.Select(scores, minus_infinity, visible, masked);
  return masked;
}

}  // namespace

absl::StatusOr<CudnnDescriptor> ForwardAttention(
    const AttentionShape& shape, const AttentionStrides& strides,
    cudnnHandle_t handle) {
  const Sizes sizes(shape);
  CudnnGraph graph;
  const Ref q =
      graph.Tensor(kQ, kNarrow, sizes.queries(), sizes.QueryStrides(strides.q));
  const Ref k = graph.Tensor(kK, kNarrow, sizes.transposed_keys(),
                             sizes.TransposedKeyStrides(strides.k));
  const Ref v =
      graph.Tensor(kV, kNarrow, sizes.keys(), sizes.KeyStrides(strides.v));
  const Ref out = graph.Tensor(kOut, kNarrow, sizes.queries(),
                               sizes.QueryStrides(strides.out));
  const Ref lse =
      graph.Tensor(kLse, kFloat, sizes.statistics(), sizes.DenseStatistics());
  const Ref scale = graph.Scalar(kScale, kFloat);
  const auto wide = [&] { return graph.Virtual(kFloat, sizes.scores()); };
  const auto column = [&] { return graph.Virtual(kFloat, sizes.statistics()); };

  const Ref product = wide();
  graph.Matmul(q, k, product);
  const Ref scores = wide();
  graph.Pointwise(CUDNN_POINTWISE_MUL, product, scale, scores);
  const Ref masked = Masked(graph, sizes, scores);
  const Ref max = column();
  graph.Reduce(CUDNN_REDUCE_TENSOR_MAX, masked, max);
  const Ref centered = wide();
  graph.Pointwise(CUDNN_POINTWISE_SUB, masked, max, centered);
  const Ref powers = wide();
  graph.Pointwise(CUDNN_POINTWISE_EXP, centered, powers);
  const Ref sum = column();
  graph.Reduce(CUDNN_REDUCE_TENSOR_ADD, powers, sum);
  const Ref logarithm = column();
  graph.Pointwise(CUDNN_POINTWISE_LOG, sum, logarithm);
  graph.Pointwise(CUDNN_POINTWISE_ADD, max, logarithm, lse);
  const Ref weights = graph.Virtual(kNarrow, sizes.scores());
  graph.Pointwise(CUDNN_POINTWISE_DIV, powers, sum, weights);
  graph.Matmul(weights, v, out);
  return graph.Finish(handle);
}

namespace {

// The backward graph, in the order in which it is built.
class Backward {
 public:
  Backward(const AttentionShape& shape, const AttentionStrides& strides)
      : sizes_(shape), strides_(strides) {}

  absl::StatusOr<CudnnDescriptor> Build(bool deterministic,
                                        cudnnHandle_t handle) {
    q_ = Queries(kQ, strides_.q);
    dout_ = Queries(kDOut, strides_.dout);
    k_ = graph_.Tensor(kK, kNarrow, sizes_.transposed_keys(),
                       sizes_.TransposedKeyStrides(strides_.k));
    scale_ = graph_.Scalar(kScale, kFloat);
    AddDelta();
    AddWeights();
    AddValueGradient();
    AddScoreGradient();
    AddKeyGradient();
    AddQueryGradient(deterministic);
    return graph_.Finish(handle);
  }

 private:
  Ref Queries(int64_t uid, int64_t stride) {
    return graph_.Tensor(uid, kNarrow, sizes_.queries(),
                         sizes_.QueryStrides(stride));
  }
  Ref Statistics(int64_t uid) {
    return graph_.Tensor(uid, kFloat, sizes_.statistics(),
                         sizes_.DenseStatistics());
  }
  Ref Wide() { return graph_.Virtual(kFloat, sizes_.scores()); }

  // delta = rows' sums of dout * out. Times one: cuDNN looks for a scaling by
  // what dropout keeps.
  void AddDelta() {
    const Ref out = Queries(kOut, strides_.out);
    const Ref product = graph_.Virtual(kFloat, sizes_.queries());
    graph_.Pointwise(CUDNN_POINTWISE_MUL, dout_, out, product);
    const Ref sum = graph_.Virtual(kFloat, sizes_.statistics());
    graph_.Reduce(CUDNN_REDUCE_TENSOR_ADD, product, sum);
    delta_ = Statistics(kDelta);
    graph_.Pointwise(CUDNN_POINTWISE_MUL, sum, graph_.Scalar(kOne, kFloat),
                     delta_);
  }

  // weights = exp(scale q k' - lse).
  void AddWeights() {
    const Ref product = Wide();
    graph_.Matmul(q_, k_, product);
    const Ref scores = Wide();
    graph_.Pointwise(CUDNN_POINTWISE_MUL, product, scale_, scores);
    const Ref centered = Wide();
    graph_.Pointwise(CUDNN_POINTWISE_SUB, scores, Statistics(kLse), centered);
    const Ref masked = Masked(graph_, sizes_, centered);
    weights_ = Wide();
    graph_.Pointwise(CUDNN_POINTWISE_EXP, masked, weights_);
  }

  // x with rows and columns exchanged.
  Ref TransposedScores(Ref x) {
    const Ref transposed = graph_.VirtualView(
        kNarrow, sizes_.transposed_scores(), sizes_.TransposedScores());
    graph_.Reshape(x, transposed);
    return transposed;
  }

  // gradient = a b: of a group's keys or values, the sum over its heads.
  void AddGroupGradient(Ref a, Ref b, int64_t uid, int64_t stride) {
    const Ref gradient =
        graph_.Tensor(uid, kNarrow, sizes_.keys(), sizes_.KeyStrides(stride));
    if (sizes_.groups == sizes_.heads) {
      graph_.Matmul(a, b, gradient);
      return;
    }
    const Ref of_heads = graph_.Virtual(kNarrow, sizes_.head_keys());
    graph_.Matmul(a, b, of_heads);
    graph_.Reduce(CUDNN_REDUCE_TENSOR_ADD, of_heads, gradient);
  }

  void AddValueGradient() {
    AddGroupGradient(TransposedScores(weights_), dout_, kDV, strides_.dv);
  }

  // weights * (dout v' - delta) * scale.
  void AddScoreGradient() {
    const Ref v = graph_.Tensor(kV, kNarrow, sizes_.transposed_keys(),
                                sizes_.TransposedKeyStrides(strides_.v));
    const Ref product = Wide();
    graph_.Matmul(dout_, v, product);
    const Ref centered = Wide();
    graph_.Pointwise(CUDNN_POINTWISE_SUB, product, delta_, centered);
    const Ref weighted = Wide();
    graph_.Pointwise(CUDNN_POINTWISE_MUL, centered, weights_, weighted);
    score_gradient_ = Wide();
    graph_.Pointwise(CUDNN_POINTWISE_MUL, weighted, scale_, score_gradient_);
  }

  void AddKeyGradient() {
    AddGroupGradient(TransposedScores(score_gradient_), q_, kDK, strides_.dk);
  }

  void AddQueryGradient(bool deterministic) {
    const Ref keys = graph_.VirtualView(kNarrow, sizes_.keys(),
                                        sizes_.KeyStrides(strides_.k));
    graph_.Reshape(k_, keys);
    const Ref dq = Queries(kDQ, strides_.dq);
    if (deterministic) {
      graph_.Matmul(score_gradient_, keys, dq);
      return;
    }
    const Dims dims = sizes_.queries();
    const Ref partial = graph_.Tensor(
        kPartialDQ, kFloat, dims,
        {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1});
    graph_.Matmul(score_gradient_, keys, partial);
    graph_.Pointwise(CUDNN_POINTWISE_IDENTITY, partial, dq);
  }

  const Sizes sizes_;
  const AttentionStrides strides_;
  CudnnGraph graph_;
  Ref q_, k_, dout_, scale_, delta_, weights_, score_gradient_;
};

}  // namespace

absl::StatusOr<CudnnDescriptor> BackwardAttention(
    const AttentionShape& shape, const AttentionStrides& strides,
    bool deterministic, cudnnHandle_t handle) {
  return Backward(shape, strides).Build(deterministic, handle);
}

}  // namespace penstock::cuda
