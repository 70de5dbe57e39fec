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

absl::Status CheckAttentionScratch(const BlockShape& shape,
                                   const PassShape& pass) {
  // The last piece has the most keys.
  const int64_t sequence = shape.sequence_length / pass.pieces;
  const int64_t needed =
      AttentionScratchBytes({.batch = pass.tokens / sequence,
                             .sequence = sequence,
                             .heads = shape.heads,
                             .head_dim = shape.head_dim,
                             .before = shape.sequence_length - sequence,
                             .kv_heads = shape.kv_heads});
  const int64_t available = LayoutOfBlock(shape, pass).attention_scratch_bytes;
  if (needed <= available) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("attention needs {} bytes of scratch memory and the layout "
                  "has {}; use smaller micro-batches and report this",
                  needed, available));
}

std::unique_ptr<Layer> MakeHead(const Architecture& model,
                                const PassShape& pass, Backend& backend,
                                std::span<const LayerWeight> weights,
                                float loss_scale) {
  const auto* llama = std::get_if<LlamaConfig>(&model);
  const Norm norm = llama != nullptr
                        ? Norm(backend, weights[0], std::nullopt,
                               static_cast<float>(llama->rms_norm_epsilon))
                        : Norm(backend, weights[0], weights[1], kGpt2Epsilon);
  return std::make_unique<Head>(ShapeOfHead(model), pass, backend, norm,
                                weights.back(), loss_scale);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeLayer(
    const Architecture& model, int64_t unit, const PassShape& pass,
    Backend& backend, std::span<const LayerWeight> weights, float loss_scale) {
  const int64_t sequence_length = SequenceLengthOf(model);
  PENSTOCK_CHECK(pass.pieces >= 1 && sequence_length % pass.pieces == 0);
  PENSTOCK_CHECK(pass.tokens * pass.pieces % sequence_length == 0);
  PENSTOCK_CHECK(weights.size() == UnitParameters(model, unit).size());
  if (unit == 0) {
    return std::make_unique<Embedding>(model, backend, weights, pass.pieces);
  }
  if (unit == UnitCount(model) - 1) {
    return MakeHead(model, pass, backend, weights, loss_scale);
  }
  RETURN_IF_ERROR(CheckAttentionScratch(ShapeOfBlock(model), pass));
  if (const auto* llama = std::get_if<LlamaConfig>(&model)) {
    return std::make_unique<LlamaBlock>(*llama, pass, backend, weights);
  }
  return std::make_unique<Block>(std::get<Gpt2Config>(model), pass, backend,
                                 weights);
}

}  // namespace penstock
