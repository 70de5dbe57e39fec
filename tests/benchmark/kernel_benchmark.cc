// Every operation of the CPU backend at the shapes of one block of the `small`
// preset (4 samples of 256 tokens, 256 wide, 8 heads), with its rate; then one
// block's forward and backward pass by kernel, as shares of the time that the
// same floating-point operations take at oneDNN's own best rate.
//
//   bazel run //tests/benchmark:kernel_benchmark

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "kernels/backend.h"
#include "proto/base/check.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

constexpr AttentionShape kAttention{
    .batch = 4, .sequence = 256, .heads = 8, .head_dim = 32};
constexpr int64_t kRows = 1024;
constexpr int64_t kHidden = 256;
constexpr int64_t kWide = 4 * kHidden;

// An operation with its arguments, and what one call does: floating-point
// operations where those bound it, else bytes read and written.
struct Kernel {
  std::string name;
  int per_block = 0;  // Calls in one block's forward and backward pass.
  double flops = 0;
  double bytes = 0;
  std::function<absl::Status()> run;
};

class Kernels {
 public:
  Kernels() : backend_(MakeCpuBackend()) {
    AddProducts();
    AddAttention();
    AddNorms();
    AddElementwise();
    AddOptimizer();
  }

  ~Kernels() {
    for (std::byte* memory : allocated_) backend_->Free(memory);
  }

  const std::vector<Kernel>& all() const { return kernels_; }

 private:
  float* Floats(int64_t count) {
    auto memory = backend_->Allocate(count * 4);
    PENSTOCK_CHECK(memory.ok());
    allocated_.push_back(*memory);
    float* const floats = reinterpret_cast<float*>(*memory);
    Random random(allocated_.size());
    for (int64_t i = 0; i < count; ++i) {
      floats[i] = static_cast<float>(random.Uniform() - 0.5);
    }
    return floats;
  }

  Tensor Matrix(int64_t rows, int64_t cols) {
    return Float32(Floats(rows * cols), rows, cols);
  }

  void AddProduct(const std::string& name, const MatmulArgs& args) {
    const int64_t k = args.transpose_a ? args.a.rows : args.a.cols;
    const double flops = 2.0 * static_cast<double>(args.c.rows) *
                         static_cast<double>(args.c.cols) *
                         static_cast<double>(k);
    kernels_.push_back(
        {.name = name, .per_block = 1, .flops = flops, .run = [this, args] {
           return backend_->Matmul(args);
         }});
  }

  // The three products of a linear layer x [kRows, in] -> y [kRows, out].
  void AddLinear(const std::string& name, int64_t in, int64_t out,
                 bool residual) {
    const Tensor x = Matrix(kRows, in);
    const Tensor weight = Matrix(in, out);
    const Tensor y = Matrix(kRows, out);
    MatmulArgs forward{.a = x, .b = weight, .c = y, .bias = Floats(out)};
    if (residual) forward.addend = Matrix(kRows, out);
    AddProduct("matmul " + name, forward);
    AddProduct(
        "matmul " + name + " dx",
        {.a = y, .b = weight, .c = Matrix(kRows, in), .transpose_b = true});
    AddProduct("matmul " + name + " dw", {.a = x,
                                          .b = y,
                                          .c = Matrix(in, out),
                                          .transpose_a = true,
                                          .accumulate = true});
    AddBytes("column_sums " + name, 1, kRows * out,
             [this, y, sums = Floats(out)] {
               return backend_->ColumnSums(y, sums);
             });
  }

  void AddProducts() {
    AddLinear("qkv", kHidden, 3 * kHidden, /*residual=*/false);
    AddLinear("proj", kHidden, kHidden, /*residual=*/true);
    AddLinear("fc", kHidden, kWide, /*residual=*/false);
    AddLinear("fc2", kWide, kHidden, /*residual=*/true);
  }

  void AddBytes(const std::string& name, int per_block, int64_t floats,
                std::function<absl::Status()> run) {
    kernels_.push_back({.name = name,
                        .per_block = per_block,
                        .bytes = 4 * static_cast<double>(floats),
                        .run = std::move(run)});
  }

  void AddAttention() {
    const Tensor qkv = Matrix(kRows, 3 * kHidden);
    const Tensor dqkv = Matrix(kRows, 3 * kHidden);
    const Tensor out = Matrix(kRows, kHidden);
    const Tensor dout = Matrix(kRows, kHidden);
    float* const lse = Floats(kRows * kAttention.heads);
    auto* const scratch = reinterpret_cast<std::byte*>(
        Floats(AttentionScratchBytes(kAttention) / 4));
    const auto part = [](const Tensor& tensor, int64_t index) {
      return Columns(tensor, index * kHidden, kHidden);
    };
    // What causality needs: half of sequence x sequence, per product.
    const double product =
        2.0 * kRows * (kAttention.sequence + 1) / 2 * kHidden;
    kernels_.push_back({.name = "attention",
                        .per_block = 1,
                        .flops = 2 * product,
                        .run = [=, this] {
                          return backend_->Attention(kAttention, part(qkv, 0),
                                                     part(qkv, 1), part(qkv, 2),
                                                     out, lse, scratch);
                        }});
    kernels_.push_back({.name = "attention_backward",
                        .per_block = 1,
                        .flops = 5 * product,
                        .run = [=, this] {
                          return backend_->AttentionBackward(
                              kAttention, part(qkv, 0), part(qkv, 1),
                              part(qkv, 2), out, dout, lse, part(dqkv, 0),
                              part(dqkv, 1), part(dqkv, 2), scratch);
                        }});
  }

  void AddNorms() {
    const Tensor x = Matrix(kRows, kHidden);
    const Tensor out = Matrix(kRows, kHidden);
    const Tensor dout = Matrix(kRows, kHidden);
    float* const gain = Floats(kHidden);
    float* const bias = Floats(kHidden);
    float* const mean = Floats(kRows);
    float* const rstd = Floats(kRows);
    const int64_t size = kRows * kHidden;
    AddBytes("layer_norm", 2, 2 * size, [=, this] {
      return backend_->LayerNorm(x, gain, bias, 1e-5f, out, mean, rstd);
    });
    AddBytes("layer_norm_backward_input", 2, 4 * size, [=, this] {
      return backend_->LayerNormBackwardInput(dout, x, mean, rstd, gain, dout,
                                              out);
    });
    AddBytes("layer_norm_backward_weight", 2, 3 * size,
             [=, this, dgain = Floats(kHidden), dbias = Floats(kHidden)] {
               return backend_->LayerNormBackwardWeight(
                   dout, x, mean, rstd, gain, bias, out, dgain, dbias);
             });
  }

  void AddElementwise() {
    const Tensor x = Matrix(kRows, kWide);
    const Tensor dx = Matrix(kRows, kWide);
    const Tensor out = Matrix(kRows, kWide);
    AddBytes("gelu", 1, 2 * kRows * kWide,
             [=, this] { return backend_->Gelu(x, out); });
    float* const sums = Matrix(1, kWide).as<float>();
    AddBytes("gelu_backward", 1, 4 * kRows * kWide, [=, this] {
      return backend_->GeluBackward(dx, x, dx, out, sums);
    });
    const Tensor logits = Matrix(kRows, kHidden);
    const std::vector<int32_t> labels(kRows, 7);
    AddBytes("cross_entropy (256)", 0, 2 * kRows * kHidden,
             [=, this, losses = Floats(kRows)] {
               return backend_->CrossEntropy(logits, labels.data(), 1, losses);
             });
    const Tensor table = Matrix(kHidden, kHidden);
    AddBytes("embedding", 0, 3 * kRows * kHidden, [=, this] {
      return backend_->Embedding(labels.data(), 256, table, table, logits);
    });
    AddBytes("embedding_backward", 0, 5 * kRows * kHidden, [=, this] {
      return backend_->EmbeddingBackward(labels.data(), 256, logits, table,
                                         table);
    });
  }

  void AddOptimizer() {
    constexpr int64_t kCount = 12 * kHidden * kHidden;  // A block's weights.
    const AdamWArgs args{.weight = Floats(kCount),
                         .gradient = Floats(kCount),
                         .first_moment = Floats(kCount),
                         .second_moment = Floats(kCount),
                         .count = kCount,
                         .learning_rate = 1e-3f,
                         .beta1 = 0.9f,
                         .beta2 = 0.95f,
                         .epsilon = 1e-8f,
                         .weight_decay = 0.1f,
                         .step = 1};
    AddBytes("adamw", 0, 7 * kCount,
             [=, this] { return backend_->AdamW(args); });
    AddBytes("sums_of_squares", 0, kCount, [=, this] {
      double sum = 0;
      const std::span<const float> x(args.gradient, kCount);
      return backend_->SumsOfSquares({&x, 1}, {&sum, 1});
    });
  }

  std::unique_ptr<Backend> backend_;
  std::vector<std::byte*> allocated_;
  std::vector<Kernel> kernels_;
};

// Processor time of this thread, for the machine may be shared.
double ThreadSeconds() {
  timespec now;
  PENSTOCK_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

// The lower quartile of 31 runs: other processes only ever add time.
double Seconds(const Kernel& kernel) {
  constexpr int kRuns = 31;
  std::vector<double> seconds;
  for (int i = 0; i < kRuns; ++i) {
    const double begin = ThreadSeconds();
    PENSTOCK_CHECK(kernel.run().ok());
    seconds.push_back(ThreadSeconds() - begin);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kRuns / 4];
}

// oneDNN's best rate of all products is the measure.
void PrintBlock(const std::vector<Kernel>& kernels) {
  std::vector<double> seconds;
  double total = 0;
  double flops = 0;
  double peak = 0;
  for (const Kernel& kernel : kernels) {
    seconds.push_back(Seconds(kernel));
    total += kernel.per_block * seconds.back();
    flops += kernel.per_block * kernel.flops;
    if (kernel.name.rfind("matmul", 0) == 0) {
      peak = std::max(peak, kernel.flops / seconds.back());
    }
  }
  std::printf("\none block, forward and backward, 1024 tokens\n");
  std::printf("%-28s %8s %7s %9s %7s\n", "kernel", "ms", "share", "rate",
              "of best");
  for (size_t i = 0; i < kernels.size(); ++i) {
    const Kernel& kernel = kernels[i];
    if (kernel.per_block == 0) continue;
    const double time = kernel.per_block * seconds[i];
    std::printf("%-28s %8.3f %6.1f%%", kernel.name.c_str(), 1e3 * time,
                100 * time / total);
    if (kernel.flops > 0) {
      std::printf(" %4.0f GF/s %6.1f%%\n", kernel.flops / seconds[i] / 1e9,
                  100 * kernel.flops / seconds[i] / peak);
    } else {
      std::printf(" %4.0f GB/s\n", kernel.bytes / seconds[i] / 1e9);
    }
  }
  std::printf("%-28s %8.3f 100.0%% %4.0f GF/s %6.1f%%\n", "block", 1e3 * total,
              flops / total / 1e9, 100 * flops / total / peak);
}

void Register(const Kernel& kernel) {
  benchmark::RegisterBenchmark(
      kernel.name.c_str(), [&kernel](benchmark::State& state) {
        for (auto _ : state) {
          const absl::Status status = kernel.run();
          if (!status.ok()) {
            state.SkipWithError(std::string(status.message()).c_str());
          }
        }
        const auto rate = [](double amount) {
          return benchmark::Counter(
              amount, benchmark::Counter::kIsIterationInvariantRate);
        };
        if (kernel.flops > 0) state.counters["FLOP"] = rate(kernel.flops);
        if (kernel.bytes > 0) state.counters["B"] = rate(kernel.bytes);
      });
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  const penstock::Kernels kernels;
  for (const penstock::Kernel& kernel : kernels.all()) {
    penstock::Register(kernel);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  penstock::PrintBlock(kernels.all());
  return 0;
}
