#include "tests/gpu/model_check.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_reader.h"
#include "proto/file/weight_hash.h"
#include "tests/gpu/random_job.h"
#include "tests/in_process/in_process_job.h"
#include "worker/model/init.h"

namespace penstock::gpu {
namespace {

using Weights = std::map<std::string, std::vector<float>>;

struct Outcome {
  std::vector<double> losses;
  std::vector<double> norms;
  std::string hash;
  Weights weights;
};

struct Limits {
  double loss = 0;    // Relative.
  double norm = 0;    // Relative.
  double weight = 0;  // ||difference|| / ||moved||, of a tensor.
};

// Float32 sums in another order move a loss by some 1e-7 of it and a norm by
// 1e-6. AdamW divides each gradient by its own size, so that an element whose
// gradient is all rounding moves as far as the others: a few such are in every
// tensor, and are what the weights' limit leaves room for.
//
// A bfloat16 has 8 bits, and one that is rounded the other way after the same
// float32 sum is off by 2^-8. Thousands of such go into a loss and a norm; the
// gradient of a single weight is off by some percent, and by AdamW so is its
// way.
Limits LimitsOf(Precision precision) {
  if (precision == Precision::kFp32) {
    return {.loss = 1e-5, .norm = 1e-4, .weight = 1e-2};
  }
  return {.loss = 1e-3, .norm = 1e-2, .weight = 0.25};
}

Architecture Gpt2(bool tiny) {
  return Gpt2Config{.layers = tiny ? 1 : 6,
                    .hidden = tiny ? 16 : 128,
                    .heads = tiny ? 2 : 4,
                    .sequence_length = tiny ? 8 : 128,
                    .vocabulary = tiny ? 61 : 509};
}

// Grouped queries, and heads that are not hidden wide.
Architecture Llama(bool tiny) {
  return LlamaConfig{.layers = tiny ? 1 : 6,
                     .hidden = tiny ? 16 : 128,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = tiny ? 8 : 64,
                     .intermediate = tiny ? 24 : 352,
                     .sequence_length = tiny ? 8 : 128,
                     .vocabulary = tiny ? 61 : 509,
                     .rope_theta = 500};
}

double Norm(const std::vector<float>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

std::vector<float> Difference(std::vector<float> a,
                              const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

// A bias of the keys adds the same to all scores of a query, which softmax does
// not see: its gradient is rounding alone.
void ForgetKeyBiases(Weights& weights) {
  for (auto& [name, values] : weights) {
    if (!name.ends_with("attn.c_attn.bias")) continue;
    const auto third = static_cast<std::ptrdiff_t>(values.size() / 3);
    std::fill_n(values.begin() + third, third, 0.0f);
  }
}

class ModelCheck {
 public:
  ModelCheck(const ModelCheckOptions& options, const RandomTokens& tokens,
             Precision precision, const Architecture& model, Findings& findings)
      : options_(options),
        tokens_(tokens),
        precision_(precision),
        name_(NameOf(model) + " " + std::string(NameOf(precision))),
        model_(model),
        findings_(findings) {}

  absl::Status Run() {
    const ParallelismSpec one;
    ASSIGN_OR_RETURN(const Outcome cpu, Train(one, "cpu", MakeCpuBackend));
    ASSIGN_OR_RETURN(const Outcome device,
                     Train(one, options_.kind, options_.make_backend));
    Compare(device, cpu, LimitsOf(precision_));
    for (const ParallelismSpec& shape : Shapes()) {
      ASSIGN_OR_RETURN(const Outcome other,
                       Train(shape, options_.kind, options_.make_backend));
      findings_.Claim(fmt::format("{} {} ranks, {}: the same bits", name_,
                                  shape.pipeline, shape.schedule),
                      other.hash == device.hash &&
                          other.losses == device.losses &&
                          other.norms == device.norms,
                      other.hash);
    }
    return absl::OkStatus();
  }

 private:
  std::vector<ParallelismSpec> Shapes() const {
    if (options_.tiny) return {{.pipeline = 2, .schedule = "zb-h1"}};
    std::vector<ParallelismSpec> shapes;
    for (const int64_t ranks : {2, 4}) {
      for (const char* schedule :
           {"1f1b", "gpipe", "zb-h1", "interleaved-1f1b"}) {
        shapes.push_back({.pipeline = ranks, .schedule = schedule});
      }
    }
    return shapes;
  }

  absl::StatusOr<Outcome> Train(const ParallelismSpec& parallelism,
                                const std::string& kind,
                                const BackendMaker& make_backend) const {
    JobSpec spec = tokens_.Spec("model_check", model_);
    spec.precision = precision_;
    spec.batch = {.micro_batch_size = 2,
                  .micro_batches = options_.tiny ? 2 : 4};
    spec.optimizer.learning_rate = 1e-3;
    spec.parallelism = parallelism;
    spec.steps = options_.tiny ? 2 : 4;
    ASSIGN_OR_RETURN(const Plan plan, PlanOf(tokens_, spec, kind));
    ASSIGN_OR_RETURN(const InProcessResult result,
                     RunInProcess(plan, {.make_backend = make_backend,
                                         .root = tokens_.directory()}));
    Outcome outcome;
    for (const StepMetrics& metrics : result.metrics) {
      outcome.losses.push_back(metrics.loss);
      outcome.norms.push_back(metrics.grad_norm);
    }
    ASSIGN_OR_RETURN(outcome.hash, HashWeights(result.progress.checkpoint));
    ASSIGN_OR_RETURN(outcome.weights, ReadAll(result.progress.checkpoint));
    return outcome;
  }

  absl::StatusOr<Weights> ReadAll(const std::string& checkpoint) const {
    ASSIGN_OR_RETURN(CheckpointReader reader,
                     CheckpointReader::Open(checkpoint));
    Weights weights;
    for (const Parameter& parameter : AllParameters(model_)) {
      ASSIGN_OR_RETURN(const std::span<const float> values,
                       reader.Read(parameter.name, parameter.shape));
      weights[parameter.name] = {values.begin(), values.end()};
    }
    ForgetKeyBiases(weights);
    return weights;
  }

  Weights InitialWeights() const {
    Weights weights;
    for (const Parameter& parameter : AllParameters(model_)) {
      std::vector<float>& values = weights[parameter.name];
      values.resize(static_cast<size_t>(parameter.count()));
      FillInitialValue(model_, parameter, JobSpec().seed, values);
    }
    ForgetKeyBiases(weights);
    return weights;
  }

  void Compare(const Outcome& device, const Outcome& cpu,
               const Limits& limits) {
    const auto worst = [](const std::vector<double>& a,
                          const std::vector<double>& b) {
      double most = 0;
      for (size_t i = 0; i < b.size(); ++i) {
        // This way NaN stays.
        const double off = std::abs(a[i] / b[i] - 1);
        if (!(off <= most)) most = off;
      }
      return most;
    };
    findings_.AtMost(name_ + " loss", worst(device.losses, cpu.losses),
                     limits.loss);
    findings_.AtMost(name_ + " gradient norm", worst(device.norms, cpu.norms),
                     limits.norm);
    const Weights initial = InitialWeights();
    double most = 0;
    std::string where;
    for (const auto& [tensor, values] : cpu.weights) {
      const double moved = Norm(Difference(values, initial.at(tensor)));
      const double off =
          Norm(Difference(device.weights.at(tensor), values)) / moved;
      if (!(off <= most)) {
        most = off;
        where = tensor;
      }
    }
    findings_.AtMost(fmt::format("{} weights {}", name_, where), most,
                     limits.weight);
  }

  const ModelCheckOptions& options_;
  const RandomTokens& tokens_;
  const Precision precision_;
  const std::string name_;
  const Architecture model_;
  Findings& findings_;
};

}  // namespace

absl::Status CheckModels(const ModelCheckOptions& options, Findings& findings) {
  ASSIGN_OR_RETURN(const RandomTokens tokens,
                   RandomTokens::Create(options.tiny ? 61 : 509, 1 << 16));
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const Architecture& model :
         {Gpt2(options.tiny), Llama(options.tiny)}) {
      RETURN_IF_ERROR(
          ModelCheck(options, tokens, precision, model, findings).Run());
    }
  }
  return absl::OkStatus();
}

}  // namespace penstock::gpu
