#include "coordinator/planner/solve/ticks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fmt/format.h"

namespace penstock {
namespace {

using Wide = unsigned __int128;

constexpr int64_t kTicksMax = int64_t{1} << 60;
constexpr int64_t kMillion = 1000000;

// An upper bound of any objective's value, in nanoseconds at speed 1: all work
// of a step one after another, recomputed, and as much again for rounding.
Wide WorkOfStep(const SolveProblem& problem) {
  Wide worst = 0;
  for (const SolveLayer& layer : problem.layers) {
    int64_t largest = 0;
    for (const auto& [size, times] : layer.times) {
      largest = std::max(largest, times.total() + times.forward);
    }
    worst += static_cast<Wide>(largest) + 1;
  }
  return worst * static_cast<Wide>(problem.global_batch) * 2;
}

// The least common multiple of the speeds divided by `divisor`; 0 when it
// exceeds a million squared.
int64_t MultipleOf(const std::vector<SolveDevice>& devices, int64_t divisor) {
  int64_t multiple = 1;
  for (const SolveDevice& device : devices) {
    const int64_t speed = device.speed_millionths / divisor;
    const Wide product =
        static_cast<Wide>(multiple) * (speed / std::gcd(multiple, speed));
    if (product > static_cast<Wide>(kMillion) * kMillion) return 0;
    multiple = static_cast<int64_t>(product);
  }
  return multiple;
}

}  // namespace

absl::StatusOr<TickScale> TickScale::Create(const SolveProblem& problem) {
  TickScale scale;
  int64_t slowest = problem.devices[0].speed_millionths;
  scale.divisor_ = 0;
  for (const SolveDevice& device : problem.devices) {
    slowest = std::min(slowest, device.speed_millionths);
    scale.divisor_ = std::gcd(scale.divisor_, device.speed_millionths);
  }
  const Wide work = WorkOfStep(problem);
  const int64_t multiple = MultipleOf(problem.devices, scale.divisor_);
  const Wide exact_ticks =
      work * static_cast<Wide>(multiple / (slowest / scale.divisor_));
  if (multiple > 0 && exact_ticks <= kTicksMax) {
    scale.multiple_ = multiple;
    return scale;
  }
  scale.exact_ = false;
  scale.divisor_ = kMillion;
  if (work * kMillion / static_cast<Wide>(slowest) <= kTicksMax) return scale;
  return absl::InvalidArgumentError(fmt::format(
      "global_batch: {}: so many samples could take longer than 2^60 ns; fewer "
      "samples or shorter times would do",
      problem.global_batch));
}

int64_t TickScale::Work(int64_t nanoseconds, int64_t speed_millionths) const {
  if (exact_) return nanoseconds * (multiple_ / (speed_millionths / divisor_));
  const Wide work = static_cast<Wide>(nanoseconds) * kMillion;
  const auto speed = static_cast<Wide>(speed_millionths);
  return static_cast<int64_t>((work + speed - 1) / speed);
}

int64_t TickScale::Time(double nanoseconds) const {
  return std::llround(nanoseconds * static_cast<double>(divisor_) *
                      static_cast<double>(multiple_) / kMillion);
}

double TickScale::ToMicroseconds(double ticks) const {
  return ticks * 1000 /
         (static_cast<double>(divisor_) * static_cast<double>(multiple_));
}

std::string TickScale::ToText(int64_t ticks) const {
  Wide numerator = static_cast<Wide>(ticks) * 1000;
  Wide denominator = static_cast<Wide>(divisor_) * static_cast<Wide>(multiple_);
  Wide a = numerator;
  Wide b = denominator;
  while (b != 0) {
    const Wide rest = a % b;
    a = b;
    b = rest;
  }
  numerator /= a;
  denominator /= a;
  const std::string text =
      fmt::to_string(static_cast<unsigned long long>(numerator));
  if (denominator == 1) return text;
  return fmt::format("{}/{}", text,
                     static_cast<unsigned long long>(denominator));
}

}  // namespace penstock
