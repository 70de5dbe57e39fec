#include "worker/runtime/model_stage.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "proto/base/check.h"
#include "proto/base/random.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

constexpr int64_t kAlignment = 64;

int64_t Aligned(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

int64_t BoundaryBytes(const ModelSlice& slice) {
  return Aligned(slice.pass.tokens * HiddenOf(slice.config) *
                 ElementBytes(slice.pass.precision));
}

// Tokens and labels, at the beginning of `saved`.
int64_t BatchBytes(const ModelSlice& slice) {
  if (!slice.first() && !slice.last()) return 0;
  return 2 * Aligned(slice.pass.tokens * 4);
}

UnitCost CostOf(const ModelSlice& slice, int64_t unit) {
  return CostOfUnit(slice.config, unit, slice.pass);
}

struct PassCosts {
  int64_t scratch_max = 0;
  int64_t deferred_max = 0;
};

PassCosts MaximaOf(const ModelSlice& slice) {
  PassCosts maxima;
  for (int64_t unit = slice.unit_begin; unit < slice.unit_end; ++unit) {
    const UnitCost cost = CostOf(slice, unit);
    maxima.scratch_max = std::max(maxima.scratch_max, cost.scratch_bytes);
    maxima.deferred_max = std::max(maxima.deferred_max, cost.deferred_bytes);
  }
  return maxima;
}

// A stage may be made where one was before, for other weights.
uint64_t NextNumber() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

}  // namespace

StageSizes ModelStage::SizesOf(const ModelSlice& slice) {
  const int64_t boundary = BoundaryBytes(slice);
  const int64_t inner = slice.unit_end - slice.unit_begin - 1;
  const PassCosts maxima = MaximaOf(slice);
  StageSizes sizes{.boundary_in = slice.first() ? 0 : boundary,
                   .boundary_out = slice.last() ? 0 : boundary,
                   .saved = BatchBytes(slice) + inner * boundary,
                   .deferred = inner * boundary,
                   .workspace = Aligned(maxima.scratch_max) + boundary};
  sizes.backward_workspace =
      sizes.workspace + Aligned(maxima.deferred_max) + boundary;
  for (int64_t unit = slice.unit_begin; unit < slice.unit_end; ++unit) {
    const UnitCost cost = CostOf(slice, unit);
    sizes.saved += Aligned(cost.saved_bytes);
    sizes.deferred += Aligned(cost.deferred_bytes);
  }
  return sizes;
}

ModelStage::ModelStage(const ModelSlice& slice, Backend& backend,
                       BatchReader* data,
                       std::vector<std::unique_ptr<Layer>> layers)
    : number_(NextNumber()),
      slice_(slice),
      backend_(backend),
      data_(data),
      layers_(std::move(layers)) {
  const int64_t boundary = BoundaryBytes(slice);
  PENSTOCK_CHECK(std::ssize(layers_) == slice.unit_end - slice.unit_begin);
  PENSTOCK_CHECK(BatchBytes(slice) == 0 || data != nullptr);
  int64_t saved = BatchBytes(slice);
  int64_t deferred = 0;
  for (int64_t unit = slice.unit_begin; unit < slice.unit_end; ++unit) {
    const UnitCost cost = CostOf(slice, unit);
    UnitLayout layout;
    if (unit != slice.unit_begin) {
      layout.input = saved;
      saved += boundary;
    }
    layout.saved = saved;
    saved += Aligned(cost.saved_bytes);
    layout.deferred = deferred;
    deferred += Aligned(cost.deferred_bytes);
    if (unit + 1 != slice.unit_end) {
      layout.output_gradient = deferred;
      deferred += boundary;
    }
    units_.push_back(layout);
  }
  const PassCosts maxima = MaximaOf(slice);
  gradients_[0] = Aligned(maxima.scratch_max);
  deferred_ = gradients_[0] + boundary;
  gradients_[1] = deferred_ + Aligned(maxima.deferred_max);
  host_tokens_.resize(slice.pass.tokens * slice.pass.pieces);
  host_labels_.resize(slice.pass.tokens * slice.pass.pieces);
}

absl::Status ModelStage::ReadBatch(const StagePass& pass) {
  if (BatchBytes(slice_) == 0) return absl::OkStatus();
  RETURN_IF_ERROR(
      data_->Read(pass.step, pass.microbatch, host_tokens_, host_labels_));
  // One piece of each sample; whole samples lie one after the other.
  const int64_t pieces = slice_.pass.pieces;
  const size_t length = static_cast<size_t>(
      pieces == 1 ? slice_.pass.tokens : slice_.piece_length());
  const size_t parts = static_cast<size_t>(slice_.pass.tokens) / length;
  for (size_t part = 0; part < parts; ++part) {
    const size_t begin = (part * pieces + pass.earlier.size()) * length;
    std::byte* const to = pass.saved + part * length * sizeof(int32_t);
    RETURN_IF_ERROR(backend_.CopyIn(
        std::as_bytes(std::span(host_tokens_).subspan(begin, length)), to));
    RETURN_IF_ERROR(backend_.CopyIn(
        std::as_bytes(std::span(host_labels_).subspan(begin, length)),
        to + BatchBytes(slice_) / 2));
  }
  return absl::OkStatus();
}

LayerMemory ModelStage::Memory(const StagePass& pass, size_t unit) {
  earlier_.clear();
  for (std::byte* const saved : pass.earlier) {
    earlier_.push_back(saved + units_[unit].saved);
  }
  return {.saved = pass.saved + units_[unit].saved,
          .scratch = pass.workspace,
          .earlier = earlier_};
}

LayerTokens ModelStage::Tokens(const std::byte* saved) const {
  if (BatchBytes(slice_) == 0) return {};
  return {.tokens = reinterpret_cast<const int32_t*>(saved),
          .labels =
              reinterpret_cast<const int32_t*>(saved + BatchBytes(slice_) / 2)};
}

Tensor ModelStage::Boundary(std::byte* data) const {
  if (data == nullptr) return {};
  const int64_t hidden = HiddenOf(slice_.config);
  return {data, slice_.pass.tokens, hidden, hidden,
          TypeOf(slice_.pass.precision)};
}

ConstTensor ModelStage::Input(const StagePass& pass, size_t unit) const {
  const std::byte* data =
      units_[unit].input < 0 ? pass.input : pass.saved + units_[unit].input;
  // An input is only read.
  return Boundary(const_cast<std::byte*>(data));
}

uint64_t ModelStage::KeyOf(Kind kind, const StagePass& pass) const {
  uint64_t key = Mix64(number_) + static_cast<uint64_t>(kind);
  std::vector<const std::byte*> memory = {
      pass.input, pass.output,   pass.output_gradient, pass.input_gradient,
      pass.saved, pass.deferred, pass.workspace};
  memory.insert(memory.end(), pass.earlier.begin(), pass.earlier.end());
  for (const std::byte* const part : memory) {
    key = Mix64(key ^ reinterpret_cast<uintptr_t>(part));
  }
  return key;
}

absl::Status ModelStage::Forward(const StagePass& pass) {
  RETURN_IF_ERROR(ReadBatch(pass));
  RETURN_IF_ERROR(backend_.Replay(KeyOf(Kind::kForward, pass),
                                  [&] { return QueueForward(pass); }));
  return backend_.Synchronize();
}

absl::Status ModelStage::QueueForward(const StagePass& pass) {
  const LayerTokens tokens = Tokens(pass.saved);
  std::byte* const last_output = pass.output != nullptr || slice_.last()
                                     ? pass.output
                                     : pass.workspace + gradients_[0];
  for (size_t unit = 0; unit < layers_.size(); ++unit) {
    std::byte* output = unit + 1 < layers_.size()
                            ? pass.saved + units_[unit + 1].input
                            : last_output;
    RETURN_IF_ERROR(layers_[unit]->Forward(
        tokens, Input(pass, unit), Boundary(output), Memory(pass, unit)));
  }
  return absl::OkStatus();
}

absl::Status ModelStage::Backward(const StagePass& pass) {
  RETURN_IF_ERROR(backend_.Replay(KeyOf(Kind::kBackward, pass),
                                  [&] { return QueueBackward(pass); }));
  return backend_.Synchronize();
}

absl::Status ModelStage::QueueBackward(const StagePass& pass) {
  const LayerTokens tokens = Tokens(pass.saved);
  // The caller's tensor is only read: it stands in for a tensor of our own.
  Tensor dy = Boundary(const_cast<std::byte*>(pass.output_gradient));
  for (size_t unit = layers_.size(); unit-- > 0;) {
    const Tensor dx =
        Boundary(unit == 0 ? pass.input_gradient
                           : pass.workspace + gradients_[unit % 2]);
    LayerMemory memory = Memory(pass, unit);
    memory.deferred = pass.workspace + deferred_;
    RETURN_IF_ERROR(layers_[unit]->BackwardInput(tokens, Input(pass, unit), dy,
                                                 dx, memory));
    RETURN_IF_ERROR(
        layers_[unit]->BackwardWeight(tokens, Input(pass, unit), dy, memory));
    dy = dx;
  }
  return absl::OkStatus();
}

absl::Status ModelStage::BackwardInput(const StagePass& pass) {
  RETURN_IF_ERROR(backend_.Replay(KeyOf(Kind::kBackwardInput, pass),
                                  [&] { return QueueBackwardInput(pass); }));
  return backend_.Synchronize();
}

absl::Status ModelStage::QueueBackwardInput(const StagePass& pass) {
  const LayerTokens tokens = Tokens(pass.saved);
  for (size_t unit = layers_.size(); unit-- > 0;) {
    const std::byte* dy = units_[unit].output_gradient < 0
                              ? pass.output_gradient
                              : pass.deferred + units_[unit].output_gradient;
    std::byte* dx = unit == 0
                        ? pass.input_gradient
                        : pass.deferred + units_[unit - 1].output_gradient;
    LayerMemory memory = Memory(pass, unit);
    memory.deferred = pass.deferred + units_[unit].deferred;
    RETURN_IF_ERROR(layers_[unit]->BackwardInput(
        tokens, Input(pass, unit), Boundary(const_cast<std::byte*>(dy)),
        Boundary(dx), memory));
  }
  return absl::OkStatus();
}

absl::Status ModelStage::BackwardWeight(const StagePass& pass) {
  RETURN_IF_ERROR(backend_.Replay(KeyOf(Kind::kBackwardWeight, pass),
                                  [&] { return QueueBackwardWeight(pass); }));
  return backend_.Synchronize();
}

absl::Status ModelStage::QueueBackwardWeight(const StagePass& pass) {
  const LayerTokens tokens = Tokens(pass.saved);
  for (size_t unit = layers_.size(); unit-- > 0;) {
    const std::byte* dy = units_[unit].output_gradient < 0
                              ? pass.output_gradient
                              : pass.deferred + units_[unit].output_gradient;
    LayerMemory memory = Memory(pass, unit);
    memory.deferred = pass.deferred + units_[unit].deferred;
    RETURN_IF_ERROR(layers_[unit]->BackwardWeight(
        tokens, Input(pass, unit), Boundary(const_cast<std::byte*>(dy)),
        memory));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> ModelStage::LossSum(const std::byte* saved) const {
  if (!slice_.last()) return 0.0;
  // Layers take memory that passes may write; a loss is only read.
  return layers_.back()->LossSum(
      {.saved = const_cast<std::byte*>(saved) + units_.back().saved});
}

}  // namespace penstock
