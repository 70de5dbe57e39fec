#include "coordinator/planner/cost_model.h"

#include "proto/architecture.h"

namespace penstock {
namespace {

// Of a device's rate in large matrix products, what a whole transformer block
// reaches: its norms, GELU and softmax do little arithmetic per byte.
constexpr double kKernelShare = 0.8;

// How much faster a whole block is in bf16 on a CPU with AMX, which reports its
// rate in float32 alone, by layer_benchmark.
constexpr double kCpuBf16Gain = 2;

// Of a CUDA device's peak in the job's precision, which no product reaches.
constexpr double kCudaPeakShare = 0.5;

// Memory bandwidth, bytes per second: of one core of a server; of a GPU, what
// an A100 reaches, for none was measured.
constexpr double kCpuBandwidth = 8e9;
constexpr double kCudaBandwidth = 1.5e12;

// AdamW reads weight, gradient and both moments and writes all but the
// gradient: seven floats for each weight.
constexpr double kOptimizerTraffic = 7;

}  // namespace

std::vector<UnitTimes> TimesOfUnits(const JobSpec& spec) {
  std::vector<UnitTimes> times;
  if (const auto* sim = std::get_if<SimModel>(&spec.model.architecture)) {
    times.assign(
        sim->layers,
        {.forward = static_cast<double>(sim->forward_us) / 1e6,
         .input_gradient = static_cast<double>(sim->input_gradient_us) / 1e6,
         .weight_gradient =
             static_cast<double>(sim->weight_gradient_us) / 1e6});
    return times;
  }
  const auto& config = std::get<Architecture>(spec.model.architecture);
  for (int64_t unit = 0; unit < UnitCount(config); ++unit) {
    const UnitCost cost = CostOfUnit(config, unit, PassShapeOf(spec, 1));
    times.push_back({.forward = cost.forward_flops,
                     .input_gradient = cost.input_gradient_flops,
                     .weight_gradient = cost.weight_gradient_flops});
  }
  return times;
}

double SpeedOf(const JobSpec& spec, const DeviceShape& device) {
  if (std::holds_alternative<SimModel>(spec.model.architecture)) return 1;
  if (spec.device == DeviceChoice::kCuda) {
    return device.flops_per_second * kCudaPeakShare;
  }
  const double gain = spec.precision == Precision::kBf16 ? kCpuBf16Gain : 1;
  return device.flops_per_second * kKernelShare * gain;
}

int64_t BoundaryBytes(const JobSpec& spec, int pieces) {
  if (const auto* sim = std::get_if<SimModel>(&spec.model.architecture)) {
    return (sim->boundary_bytes + pieces - 1) / pieces;
  }
  const auto& config = std::get<Architecture>(spec.model.architecture);
  return TokensPerMicroBatch(spec) / pieces * HiddenOf(config) *
         ElementBytes(spec.precision);
}

double TransferTime(const LinkShape& link, int64_t bytes) {
  return absl::ToDoubleSeconds(link.latency) +
         static_cast<double>(bytes) / link.bytes_per_second;
}

double ReduceTime(const LinkShape& link, int64_t bytes, int64_t replicas) {
  if (replicas <= 1) return 0;
  const double others = static_cast<double>(replicas - 1);
  return 2 * others *
         (absl::ToDoubleSeconds(link.latency) +
          static_cast<double>(bytes) / static_cast<double>(replicas) /
              link.bytes_per_second);
}

double OptimizerTime(const JobSpec& spec, int64_t bytes) {
  return static_cast<double>(bytes) * kOptimizerTraffic /
         (spec.device == DeviceChoice::kCuda ? kCudaBandwidth : kCpuBandwidth);
}

}  // namespace penstock
