// One transformer block's three entry points at the shape of the `small`
// preset: 4 samples of 256 tokens, 256 wide, 8 heads. Prints the rate reached
// of what CostOfUnit counts, in fp32 and (bf16:1) in bf16.
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

PassShape PassOf(Precision precision) {
  return {.tokens = kRows, .precision = precision};
}

// A unit with weights, memory and one micro-batch, after its forward pass and
// its input gradient, so that each pass can be repeated by itself.
class Bench {
 public:
  Bench(int64_t unit, Precision precision)
      : backend_(MakeCpuBackend()),
        precision_(precision),
        cost_(CostOfUnit(kConfig, unit, PassOf(precision))) {
    std::vector<LayerWeight> weights;
    for (const Parameter& parameter : UnitParameters(kConfig, unit)) {
      std::vector<float> values(static_cast<size_t>(parameter.count()));
      FillInitialValue(kConfig, parameter, /*seed=*/1, values);
      weights.push_back({Upload(values), Floats(parameter.count())});
      const int64_t bytes = RoundedBytes(parameter, precision);
      if (bytes > 0) weights.back().rounded = Allocate(bytes);
    }
    auto layer = MakeLayer(kConfig, unit, PassOf(precision), *backend_, weights,
                           1.0f / kRows);
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
    for (Tensor* const boundary : {&x_, &dy_, &y_, &dx_}) {
      *boundary = Boundary(values);
    }
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

  Tensor Boundary(const std::vector<float>& values) {
    const Tensor wide = Float32(Upload(values), kRows, kConfig.hidden);
    if (precision_ == Precision::kFp32) return wide;
    const Tensor narrow{Allocate(kRows * kConfig.hidden * 2), kRows,
                        kConfig.hidden, kConfig.hidden, DataType::kBFloat16};
    PENSTOCK_CHECK(backend_->Round(wide, narrow).ok());
    return narrow;
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
  const Precision precision_;
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

Bench BenchOf(const benchmark::State& state) {
  return Bench(state.range(0),
               state.range(1) == 0 ? Precision::kFp32 : Precision::kBf16);
}

void BM_Forward(benchmark::State& state) {
  Bench bench = BenchOf(state);
  for (auto _ : state) bench.Forward();
  SetRate(state, bench.cost().forward_flops);
}

void BM_BackwardInput(benchmark::State& state) {
  Bench bench = BenchOf(state);
  for (auto _ : state) bench.BackwardInput();
  SetRate(state, bench.cost().input_gradient_flops);
}

void BM_BackwardWeight(benchmark::State& state) {
  Bench bench = BenchOf(state);
  for (auto _ : state) bench.BackwardWeight();
  SetRate(state, bench.cost().weight_gradient_flops);
}

void UnitsAndPrecisions(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"unit", "bf16"})->ArgsProduct({{kBlock, kHead}, {0, 1}});
}

BENCHMARK(BM_Forward)->Apply(UnitsAndPrecisions);
BENCHMARK(BM_BackwardInput)->Apply(UnitsAndPrecisions);
BENCHMARK(BM_BackwardWeight)->Apply(UnitsAndPrecisions);

}  // namespace
}  // namespace penstock

BENCHMARK_MAIN();
