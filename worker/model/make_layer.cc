#include "worker/model/make_layer.h"

#include <optional>
#include <variant>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "worker/model/block.h"
#include "worker/model/embedding.h"
#include "worker/model/head.h"
#include "worker/model/llama_block.h"
#include "worker/model/norm.h"

namespace penstock {
namespace {

absl::Status CheckAttentionScratch(const BlockShape& shape, int64_t batch,
                                   int pieces) {
  // The last piece has the most keys.
  const int64_t sequence = shape.sequence_length / pieces;
  const int64_t needed =
      AttentionScratchBytes({.batch = batch,
                             .sequence = sequence,
                             .heads = shape.heads,
                             .head_dim = shape.head_dim,
                             .before = shape.sequence_length - sequence,
                             .kv_heads = shape.kv_heads});
  const int64_t available =
      LayoutOfBlock(shape, batch * sequence, pieces).attention_scratch_bytes;
  if (needed <= available) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("attention needs {} bytes of scratch memory and the layout "
                  "has {}; use smaller micro-batches and report this",
                  needed, available));
}

std::unique_ptr<Layer> MakeHead(const Architecture& model, int64_t tokens,
                                Backend& backend,
                                std::span<const LayerWeight> weights,
                                float loss_scale, Precision precision) {
  const auto* llama = std::get_if<LlamaConfig>(&model);
  const Norm norm = llama != nullptr
                        ? Norm(backend, weights[0], std::nullopt,
                               static_cast<float>(llama->rms_norm_epsilon))
                        : Norm(backend, weights[0], weights[1], kGpt2Epsilon);
  return std::make_unique<Head>(ShapeOfHead(model), tokens, backend, norm,
                                weights.back(), loss_scale, precision);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeLayer(
    const Architecture& model, int64_t unit, int64_t batch, Backend& backend,
    std::span<const LayerWeight> weights, float loss_scale, int pieces,
    Precision precision) {
  const int64_t sequence_length = SequenceLengthOf(model);
  PENSTOCK_CHECK(pieces >= 1 && sequence_length % pieces == 0);
  PENSTOCK_CHECK(weights.size() == UnitParameters(model, unit).size());
  if (unit == 0) {
    return std::make_unique<Embedding>(model, backend, weights, pieces);
  }
  if (unit == UnitCount(model) - 1) {
    return MakeHead(model, batch * sequence_length / pieces, backend, weights,
                    loss_scale, precision);
  }
  RETURN_IF_ERROR(CheckAttentionScratch(ShapeOfBlock(model), batch, pieces));
  if (const auto* llama = std::get_if<LlamaConfig>(&model)) {
    return std::make_unique<LlamaBlock>(*llama, batch, backend, weights, pieces,
                                        precision);
  }
  return std::make_unique<Block>(std::get<Gpt2Config>(model), batch, backend,
                                 weights, pieces, precision);
}

}  // namespace penstock
