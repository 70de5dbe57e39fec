#include "worker/model/init.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <thread>
#include <vector>

#include "proto/base/check.h"
#include "proto/base/random.h"
#include "xxhash.h"

namespace penstock {
namespace {

constexpr double kDeviation = 0.02;
constexpr double kTau = 6.283185307179586;

// Uniform in (0, 1], so that it has a logarithm.
double UnitInterval(uint64_t bits) {
  return (static_cast<double>(bits >> 11) + 1) * 0x1p-53;
}

// Elements 2k and 2k + 1 are the two values of Box & Muller (1958) from the
// counters 2k and 2k + 1. Those from `begin`, which is even, to `end`.
void FillNormal(uint64_t key, double deviation, size_t begin, size_t end,
                std::span<float> values) {
  for (size_t i = begin; i < end; i += 2) {
    const double radius =
        deviation * std::sqrt(-2 * std::log(UnitInterval(Mix64(key + i))));
    const double angle = kTau * UnitInterval(Mix64(key + i + 1));
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 == values.size()) break;
    values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

// A core draws some 50 million values a second: a model of billions would keep
// one for minutes before its first step.
constexpr size_t kValuesPerThread = 1 << 20;

void FillNormalInParallel(uint64_t key, double deviation,
                          std::span<float> values) {
  const size_t threads =
      std::clamp<size_t>(values.size() / kValuesPerThread, 1,
                         std::max(1u, std::thread::hardware_concurrency()));
  const size_t share = (values.size() / threads + 1) / 2 * 2;
  std::vector<std::thread> others;
  for (size_t begin = share; begin < values.size(); begin += share) {
    others.emplace_back(FillNormal, key, deviation, begin,
                        std::min(begin + share, values.size()), values);
  }
  FillNormal(key, deviation, 0, std::min(share, values.size()), values);
  for (std::thread& other : others) other.join();
}

}  // namespace

void FillInitialValue(const Architecture& model, const Parameter& parameter,
                      uint64_t seed, std::span<float> values) {
  PENSTOCK_CHECK(static_cast<int64_t>(values.size()) == parameter.count());
  const std::string_view name = parameter.name;
  if (parameter.shape.size() == 1) {
    std::fill(values.begin(), values.end(),
              name.ends_with(".weight") ? 1.0f : 0.0f);
    return;
  }
  const double deviation =
      name.ends_with("c_proj.weight")
          ? kDeviation / std::sqrt(2.0 * static_cast<double>(LayersOf(model)))
          : kDeviation;
  FillNormalInParallel(XXH3_64bits_withSeed(name.data(), name.size(), seed),
                       deviation, values);
}

}  // namespace penstock
