#include "coordinator/planner/memory_forecast.h"

#include <algorithm>

#include "coordinator/planner/cost_model.h"
#include "fmt/format.h"
#include "proto/architecture.h"
#include "proto/cuda_attention.h"
#include "proto/precision.h"

namespace penstock {
namespace {

constexpr int64_t kBytesMax = int64_t{1} << 59;
// An executor that has trained a small model: libraries, generated kernels,
// gRPC's threads and buffers.
constexpr int64_t kProcessBytes = int64_t{25} << 20;
// On a CUDA device: the context and what the libraries allocate.
constexpr int64_t kCudaProcessBytes = int64_t{1} << 30;
constexpr int64_t kFloatBytes = 4;

// Of gradients that travel at a time when they are summed over ranks.
constexpr int64_t kReduceChunkBytes = 1 << 20;

// Of numbers that are not negative.
int64_t Product(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return kBytesMax;
  return std::min(product, kBytesMax);
}

int64_t Sum(int64_t a, int64_t b) { return std::min(a + b, kBytesMax); }

UnitMemory MemoryOfUnit(const Architecture& config, int64_t unit,
                        const PassShape& pass) {
  const UnitCost cost = CostOfUnit(config, unit, pass);
  UnitMemory memory{.saved = cost.saved_bytes,
                    .deferred = cost.deferred_bytes,
                    .scratch = cost.scratch_bytes};
  for (const Parameter& parameter : UnitParameters(config, unit)) {
    memory.weights += parameter.count() * kFloatBytes;
    memory.rounded += RoundedBytes(parameter, pass.precision);
  }
  return memory;
}

// In bfloat16; of the last of the pieces, which sees the most.
int64_t AttentionBytes(const Architecture& config, const JobSpec& spec,
                       int pieces) {
  const BlockShape block = ShapeOfBlock(config);
  return CudaAttentionBytes({.batch = spec.batch.micro_batch_size,
                             .sequence = block.sequence_length / pieces,
                             .keys = block.sequence_length,
                             .heads = block.heads,
                             .kv_heads = block.kv_heads,
                             .head_dim = block.head_dim,
                             .deterministic = !spec.fast_attention});
}

}  // namespace

ModelMemory MemoryOfModel(const JobSpec& spec, int copies, int pieces) {
  const bool cuda = spec.device == DeviceChoice::kCuda;
  ModelMemory memory{.boundary = BoundaryBytes(spec, pieces),
                     .process = cuda ? kCudaProcessBytes : kProcessBytes,
                     .checkpoint_here = !cuda,
                     .optimistic_update = spec.parallelism.optimistic_update};
  const int64_t summands = std::max<int64_t>(spec.parallelism.data, copies);
  if (summands > 1) memory.reduction = summands * kReduceChunkBytes;
  const auto* config = std::get_if<Architecture>(&spec.model.architecture);
  if (config == nullptr) {
    memory.units.resize(UnitCount(spec.model));
    return memory;
  }
  const PassShape pass = PassShapeOf(spec, pieces);
  for (int64_t unit = 0; unit < UnitCount(*config); ++unit) {
    // All blocks are alike; asking for each would cost thousands of names.
    memory.units.push_back(unit > 1 && unit <= LayersOf(*config)
                               ? memory.units[1]
                               : MemoryOfUnit(*config, unit, pass));
  }
  memory.packed = cuda ? 0 : memory.units[1].weights;
  if (cuda && spec.precision == Precision::kBf16) {
    memory.process = Sum(memory.process, AttentionBytes(*config, spec, pieces));
  }
  if (HasTiedEmbeddings(*config)) {
    const Parameter tied = UnitParameters(*config, 0).front();
    memory.tied = tied.count() * kFloatBytes;
    memory.tied_rounded = RoundedBytes(tied, spec.precision);
  }
  return memory;
}

void StageMemorySum::Add(int64_t unit) {
  const UnitMemory& memory = model_->units[unit];
  ++units_;
  weights_ = Sum(weights_, memory.weights);
  rounded_ = Sum(rounded_, memory.rounded);
  saved_ = Sum(saved_, memory.saved);
  deferred_sum_ = Sum(deferred_sum_, memory.deferred);
  deferred_max_ = std::max(deferred_max_, memory.deferred);
  scratch_max_ = std::max(scratch_max_, memory.scratch);
  has_first_ = has_first_ || unit == 0;
  has_last_ =
      has_last_ || unit + 1 == static_cast<int64_t>(model_->units.size());
}

MemoryForecast StageMemorySum::Forecast(const StageBuffers& buffers) const {
  RankMemorySum rank(*model_);
  rank.Add(*this, buffers);
  return rank.Forecast();
}

void RankMemorySum::Add(const StageMemorySum& stage,
                        const StageBuffers& buffers, bool written) {
  const int64_t boundary = model_->boundary;
  const int64_t inner =
      Product(std::max<int64_t>(stage.units_ - 1, 0), boundary);
  const int64_t tensors = int64_t{buffers.inputs} + buffers.outputs +
                          buffers.output_gradients + buffers.input_gradients;
  sum_.weights = Sum(sum_.weights, stage.weights_);
  rounded_ = Sum(rounded_, stage.rounded_);
  int64_t version = Sum(stage.weights_, stage.rounded_);
  if (stage.has_first_ && stage.has_last_) {
    version -= model_->tied + model_->tied_rounded;
  }
  stashed_ = Sum(stashed_, Product(std::max(buffers.versions - 1, 0), version));
  sum_.activations = Sum(
      sum_.activations, Product(buffers.activations, Sum(stage.saved_, inner)));
  sum_.buffers = Sum(sum_.buffers, Product(tensors, boundary));
  sum_.workspace =
      Sum(sum_.workspace,
          Product(buffers.deferred, Sum(stage.deferred_sum_, inner)));
  const int64_t backward =
      buffers.whole_backward ? Sum(stage.deferred_max_, boundary) : 0;
  workspace_max_ = std::max(workspace_max_,
                            Sum(Sum(stage.scratch_max_, boundary), backward));
  has_first_ = has_first_ || stage.has_first_;
  has_last_ = has_last_ || stage.has_last_;
  if (!written) return;
  written_ = Sum(written_, stage.weights_);
  writes_last_ = writes_last_ || stage.has_last_;
}

MemoryForecast RankMemorySum::Forecast() const {
  MemoryForecast memory = sum_;
  memory.gradients = sum_.weights;
  int64_t rounded = rounded_;
  if (has_first_ && has_last_) {
    memory.weights -= model_->tied;
    rounded -= model_->tied_rounded;
  }
  memory.optimizer = Product(model_->optimistic_update ? 5 : 2, memory.weights);
  memory.weights = Sum(Sum(memory.weights, rounded), stashed_);
  // Embedding and head on two ranks: each receives the other's gradient of the
  // one weight.
  if (has_first_ != has_last_)
    memory.buffers = Sum(memory.buffers, model_->tied);
  memory.buffers = Sum(memory.buffers, model_->reduction);
  memory.workspace = Sum(sum_.workspace, workspace_max_);
  // The embedding's rank alone writes the tied weight.
  if (model_->checkpoint_here) {
    memory.checkpoint =
        Product(3, written_ - (writes_last_ ? model_->tied : 0));
  }
  memory.process = Sum(model_->process, model_->packed);
  return memory;
}

std::string MemoryText(int64_t bytes) {
  const double value = static_cast<double>(bytes);
  if (bytes >= int64_t{1} << 30) {
    return fmt::format("{:.1f} GiB", value / (1 << 30));
  }
  if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", value / (1 << 20));
  return fmt::format("{} bytes", bytes);
}

}  // namespace penstock
