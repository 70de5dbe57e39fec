// One transformer block's three entry points at the shape of the `small`
// preset: 4 samples of 256 tokens, 256 wide, 8 heads. Prints the rate reached
// of what CostOfUnit counts.
//
//   bazel run //tests/benchmark:layer_benchmark

#include <cstdlib>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "proto/base/check.h"
#include "worker/model/init.h"
#include "worker/model/make_layer.h"

namespace penstock {
namespace {

constexpr int64_t kBatch = 4;
constexpr Gpt2Config kConfig{.layers = 8,
                             .hidden = 256,
                             .heads = 8,
                             .sequence_length = 256,
                             .vocabulary = 256,
                             .tied_embeddings = false};
constexpr int64_t kRows = kBatch * kConfig.sequence_length;

// A unit with weights, memory and one micro-batch, after its forward pass and
// its input gradient, so that each pass can be repeated by itself.
class Bench {
 public:
  explicit Bench(int64_t unit)
      : backend_(MakeCpuBackend()), cost_(CostOfUnit(kConfig, unit, kRows)) {
    std::vector<LayerWeight> weights;
    for (const Parameter& parameter : UnitParameters(kConfig, unit)) {
      std::vector<float> values(static_cast<size_t>(parameter.count()));
      FillInitialValue(kConfig, parameter, /*seed=*/1, values);
      weights.push_back({Upload(values), Floats(parameter.count())});
    }
    auto layer =
        MakeLayer(kConfig, unit, kBatch, *backend_, weights, 1.0f / kRows);
    PENSTOCK_CHECK(layer.ok());
    layer_ = *std::move(layer);
    MakeMicrobatch();
    Forward();
    BackwardInput();
    BackwardWeight();
  }

  ~Bench() {
    for (std::byte* memory : allocated_) backend_->Free(memory);
  }

  void Forward() {
    PENSTOCK_CHECK(layer_->Forward(tokens_, x_, y_, memory_).ok());
    PENSTOCK_CHECK(backend_->Synchronize().ok());
  }
  void BackwardInput() {
    PENSTOCK_CHECK(layer_->BackwardInput(tokens_, x_, dy_, dx_, memory_).ok());
    PENSTOCK_CHECK(backend_->Synchronize().ok());
  }
  void BackwardWeight() {
    PENSTOCK_CHECK(layer_->BackwardWeight(tokens_, x_, dy_, memory_).ok());
    PENSTOCK_CHECK(backend_->Synchronize().ok());
  }

  const UnitCost& cost() const { return cost_; }

 private:
  void MakeMicrobatch() {
    const int64_t hidden = kConfig.hidden;
    // Any values near those of training do: the deviation of a weight.
    std::vector<float> values(static_cast<size_t>(kRows * hidden));
    FillInitialValue(kConfig, {"activation", {kRows, hidden}}, /*seed=*/2,
                     values);
    x_ = Float32(Upload(values), kRows, hidden);
    dy_ = Float32(Upload(values), kRows, hidden);
    y_ = Float32(Floats(kRows * hidden), kRows, hidden);
    dx_ = Float32(Floats(kRows * hidden), kRows, hidden);
    std::vector<int32_t> tokens(static_cast<size_t>(kRows));
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int32_t>(i * 37 % kConfig.vocabulary);
    }
    std::byte* const on_device = Allocate(4 * kRows);
    PENSTOCK_CHECK(
        backend_->CopyIn(std::as_bytes(std::span<int32_t>(tokens)), on_device)
            .ok());
    tokens_.tokens = reinterpret_cast<const int32_t*>(on_device);
    tokens_.labels = tokens_.tokens;
    memory_ = {Allocate(cost_.saved_bytes), Allocate(cost_.deferred_bytes),
               Allocate(cost_.scratch_bytes)};
  }

  std::byte* Allocate(int64_t bytes) {
    auto memory = backend_->Allocate(bytes);
    PENSTOCK_CHECK(memory.ok());
    PENSTOCK_CHECK(backend_->Zero(*memory, bytes).ok());
    allocated_.push_back(*memory);
    return *memory;
  }
  float* Floats(int64_t count) {
    return reinterpret_cast<float*>(Allocate(4 * count));
  }
  float* Upload(const std::vector<float>& values) {
    float* const memory = Floats(static_cast<int64_t>(values.size()));
    PENSTOCK_CHECK(backend_
                       ->CopyIn(std::as_bytes(std::span<const float>(values)),
                                reinterpret_cast<std::byte*>(memory))
                       .ok());
    return memory;
  }

  const std::unique_ptr<Backend> backend_;
  const UnitCost cost_;
  std::vector<std::byte*> allocated_;
  std::unique_ptr<Layer> layer_;
  LayerTokens tokens_;
  LayerMemory memory_;
  Tensor x_, y_, dy_, dx_;
};

void SetRate(benchmark::State& state, double flops) {
  state.counters["FLOP"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

constexpr int64_t kBlock = 1;
constexpr int64_t kHead = kConfig.layers + 1;

void BM_Forward(benchmark::State& state) {
  Bench bench(state.range(0));
  for (auto _ : state) bench.Forward();
  SetRate(state, bench.cost().forward_flops);
}

void BM_BackwardInput(benchmark::State& state) {
  Bench bench(state.range(0));
  for (auto _ : state) bench.BackwardInput();
  SetRate(state, bench.cost().input_gradient_flops);
}

void BM_BackwardWeight(benchmark::State& state) {
  Bench bench(state.range(0));
  for (auto _ : state) bench.BackwardWeight();
  SetRate(state, bench.cost().weight_gradient_flops);
}

BENCHMARK(BM_Forward)->ArgName("unit")->Arg(kBlock)->Arg(kHead);
BENCHMARK(BM_BackwardInput)->ArgName("unit")->Arg(kBlock)->Arg(kHead);
BENCHMARK(BM_BackwardWeight)->ArgName("unit")->Arg(kBlock)->Arg(kHead);

}  // namespace
}  // namespace penstock

BENCHMARK_MAIN();
