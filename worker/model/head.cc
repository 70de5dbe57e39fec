#include "worker/model/head.h"

#include <algorithm>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

float* Floats(std::byte* memory, int64_t offset) {
  return reinterpret_cast<float*>(memory + offset);
}

}  // namespace

Head::Head(const HeadShape& shape, int64_t tokens, Backend& backend,
           const Norm& norm, const LayerWeight& weight, float loss_scale,
           Precision precision)
    : tokens_(tokens),
      hidden_(shape.hidden),
      vocabulary_(shape.vocabulary),
      type_(TypeOf(precision)),
      layout_(LayoutOfHead(shape, tokens_, precision)),
      backend_(backend),
      norm_(norm),
      weight_(weight),
      loss_scale_(loss_scale),
      losses_(static_cast<size_t>(tokens_)) {}

NormStatistics Head::StatisticsOf(const LayerMemory& memory,
                                  int64_t begin) const {
  return {.mean = Floats(memory.saved, layout_.mean) + begin,
          .rstd = Floats(memory.saved, layout_.rstd) + begin};
}

absl::Status Head::LogitsGradient(ConstTensor norm, const int32_t* labels,
                                  float* losses, Tensor logits) const {
  RETURN_IF_ERROR(backend_.Matmul({.a = norm,
                                   .b = weight_.Matrix(vocabulary_, hidden_),
                                   .c = logits,
                                   .transpose_b = true}));
  return backend_.CrossEntropy(logits, labels, loss_scale_, losses);
}

absl::Status Head::ForwardRows(const LayerTokens& tokens, ConstTensor x,
                               int64_t begin, int64_t rows,
                               const LayerMemory& memory) const {
  const Tensor norm = At(memory.scratch + layout_.norm, rows, hidden_);
  const Tensor logits = At(memory.scratch + layout_.logits, rows, vocabulary_);
  const Tensor d_norm = At(memory.saved + layout_.d_norm, tokens_, hidden_);
  RETURN_IF_ERROR(
      norm_.Forward(Rows(x, begin, rows), norm, StatisticsOf(memory, begin)));
  RETURN_IF_ERROR(LogitsGradient(norm, tokens.labels + begin,
                                 Floats(memory.saved, layout_.losses) + begin,
                                 logits));
  return backend_.Matmul({.a = logits,
                          .b = weight_.Matrix(vocabulary_, hidden_),
                          .c = Rows(d_norm, begin, rows)});
}

absl::Status Head::Forward(const LayerTokens& tokens, ConstTensor x,
                           Tensor /*y*/, const LayerMemory& memory) {
  for (int64_t begin = 0; begin < tokens_; begin += layout_.block_rows) {
    const int64_t rows = std::min(layout_.block_rows, tokens_ - begin);
    RETURN_IF_ERROR(ForwardRows(tokens, x, begin, rows, memory));
  }
  return absl::OkStatus();
}

absl::Status Head::BackwardInput(const LayerTokens& /*tokens*/, ConstTensor x,
                                 ConstTensor /*dy*/, Tensor dx,
                                 const LayerMemory& memory) {
  return norm_.BackwardInput(
      At(memory.saved + layout_.d_norm, tokens_, hidden_), x,
      StatisticsOf(memory), /*addend=*/{}, dx);
}

absl::Status Head::BackwardWeightRows(const LayerTokens& tokens, ConstTensor x,
                                      int64_t begin, int64_t rows,
                                      const LayerMemory& memory) const {
  const Tensor norm = At(memory.scratch + layout_.norm, rows, hidden_);
  const Tensor logits = At(memory.scratch + layout_.logits, rows, vocabulary_);
  RETURN_IF_ERROR(
      norm_.Apply(Rows(x, begin, rows), StatisticsOf(memory, begin), norm));
  RETURN_IF_ERROR(LogitsGradient(norm, tokens.labels + begin,
                                 Floats(memory.scratch, layout_.block_losses),
                                 logits));
  return backend_.Matmul({.a = logits,
                          .b = norm,
                          .c = Float32(weight_.gradient, vocabulary_, hidden_),
                          .transpose_a = true,
                          .accumulate = true});
}

absl::Status Head::BackwardWeight(const LayerTokens& tokens, ConstTensor x,
                                  ConstTensor /*dy*/,
                                  const LayerMemory& memory) {
  for (int64_t begin = 0; begin < tokens_; begin += layout_.block_rows) {
    const int64_t rows = std::min(layout_.block_rows, tokens_ - begin);
    RETURN_IF_ERROR(BackwardWeightRows(tokens, x, begin, rows, memory));
  }
  return norm_.BackwardWeight(
      At(memory.saved + layout_.d_norm, tokens_, hidden_), x,
      StatisticsOf(memory));
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
