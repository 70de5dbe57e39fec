#include "worker/model/gpt2_layers.h"

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "proto/gpt2_layout.h"
#include "worker/model/block.h"
#include "worker/model/embedding.h"
#include "worker/model/head.h"

namespace penstock {
namespace {

absl::Status CheckAttentionScratch(const Gpt2Config& config, int64_t batch,
                                   int pieces) {
  // The last piece has the most keys.
  const int64_t sequence = config.sequence_length / pieces;
  const int64_t needed =
      AttentionScratchBytes({.batch = batch,
                             .sequence = sequence,
                             .heads = config.heads,
                             .head_dim = config.hidden / config.heads,
                             .before = config.sequence_length - sequence});
  const int64_t available =
      LayoutOfBlock(config, batch * sequence, pieces).attention_scratch_bytes;
  if (needed <= available) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("attention needs {} bytes of scratch memory and the layout "
                  "has {}; use smaller micro-batches and report this",
                  needed, available));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeGpt2Layer(
    const Gpt2Config& config, int64_t unit, int64_t batch, Backend& backend,
    std::span<const LayerWeight> weights, float loss_scale, int pieces) {
  PENSTOCK_CHECK(pieces >= 1 && config.sequence_length % pieces == 0);
  PENSTOCK_CHECK(weights.size() == UnitParameters(config, unit).size());
  if (unit == 0) {
    return std::make_unique<Embedding>(config, backend, weights, pieces);
  }
  if (unit == UnitCount(config) - 1) {
    return std::make_unique<Head>(config,
                                  batch * config.sequence_length / pieces,
                                  backend, weights, loss_scale);
  }
  RETURN_IF_ERROR(CheckAttentionScratch(config, batch, pieces));
  return std::make_unique<Block>(config, batch, backend, weights, pieces);
}

}  // namespace penstock
