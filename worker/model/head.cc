#include "worker/model/head.h"

#include <algorithm>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

float* Floats(std::byte* memory, int64_t offset) {
  return reinterpret_cast<float*>(memory + offset);
}

}  // namespace

Head::Head(const HeadShape& shape, const PassShape& pass, Backend& backend,
           const Norm& norm, const LayerWeight& weight, float loss_scale)
    : tokens_(pass.tokens),
      hidden_(shape.hidden),
      vocabulary_(shape.vocabulary),
      type_(TypeOf(pass.precision)),
      layout_(LayoutOfHead(shape, pass)),
      backend_(backend),
      norm_(norm),
      weight_(weight),
      loss_scale_(loss_scale),
      losses_(static_cast<size_t>(tokens_)) {}

NormStatistics Head::StatisticsOf(const LayerMemory& memory,
                                  int64_t begin) const {
  return {.mean = Floats(memory.deferred, layout_.mean) + begin,
          .rstd = Floats(memory.deferred, layout_.rstd) + begin};
}

Tensor Head::DNorm(const LayerMemory& memory) const {
  return At(memory.deferred + layout_.d_norm, tokens_, hidden_);
}

absl::Status Head::Forward(const LayerTokens& /*tokens*/, ConstTensor /*x*/,
                           Tensor /*y*/, const LayerMemory& /*memory*/) {
  return absl::OkStatus();
}

absl::Status Head::BackwardRows(const LayerTokens& tokens, ConstTensor x,
                                int64_t begin, int64_t rows,
                                const LayerMemory& memory) const {
  const ConstTensor w = weight_.Matrix(vocabulary_, hidden_);
  const Tensor norm = At(memory.scratch + layout_.norm, rows, hidden_);
  const Tensor logits = At(memory.scratch + layout_.logits, rows, vocabulary_);
  RETURN_IF_ERROR(
      norm_.Forward(Rows(x, begin, rows), norm, StatisticsOf(memory, begin)));
  RETURN_IF_ERROR(
      backend_.Matmul({.a = norm, .b = w, .c = logits, .transpose_b = true}));
  // From here on `logits` is the gradient with respect to them.
  RETURN_IF_ERROR(
      backend_.CrossEntropy(logits, tokens.labels + begin, loss_scale_,
                            Floats(memory.saved, layout_.losses) + begin));
  RETURN_IF_ERROR(backend_.Matmul(
      {.a = logits, .b = w, .c = Rows(DNorm(memory), begin, rows)}));
  return backend_.Matmul({.a = logits,
                          .b = norm,
                          .c = Float32(weight_.gradient, vocabulary_, hidden_),
                          .transpose_a = true,
                          .accumulate = true});
}

absl::Status Head::BackwardInput(const LayerTokens& tokens, ConstTensor x,
                                 ConstTensor /*dy*/, Tensor dx,
                                 const LayerMemory& memory) {
  for (int64_t begin = 0; begin < tokens_; begin += layout_.block_rows) {
    const int64_t rows = std::min(layout_.block_rows, tokens_ - begin);
    RETURN_IF_ERROR(BackwardRows(tokens, x, begin, rows, memory));
  }
  return norm_.BackwardInput(DNorm(memory), x, StatisticsOf(memory),
                             /*addend=*/{}, dx);
}

absl::Status Head::BackwardWeight(const LayerTokens& /*tokens*/, ConstTensor x,
                                  ConstTensor /*dy*/,
                                  const LayerMemory& memory) {
  return norm_.BackwardWeight(DNorm(memory), x, StatisticsOf(memory),
                              /*out=*/{});
}

absl::StatusOr<double> Head::LossSum(const LayerMemory& memory) {
  RETURN_IF_ERROR(
      backend_.CopyOut(memory.saved + layout_.losses,
                       std::as_writable_bytes(std::span<float>(losses_))));
  RETURN_IF_ERROR(backend_.Synchronize());
  double sum = 0;
  for (const float loss : losses_) sum += loss;
  return sum;
}

}  // namespace penstock
