#include "coordinator/planner/link_fit.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "coordinator/planner/median.h"

namespace penstock {
namespace {

// Fewer pairs of arrivals are chance.
constexpr size_t kPairsMin = 3;

// So many parts of the distances, and what lies between two parts is tried.
constexpr size_t kCandidates = 8;

// Between two wake-ups; what lies below tells nothing of a link.
constexpr double kNoise = 100e-6;

// The squared error without an occupancy is at least so many times that with
// it.
constexpr double kBetter = 4;

// From when each tensor is on its way until the pass that waited for it began.
std::vector<double> Ways(const std::vector<std::vector<Crossing>>& steps,
                         double occupancy) {
  std::vector<double> ways;
  for (const std::vector<Crossing>& step : steps) {
    double out = -std::numeric_limits<double>::infinity();
    for (const Crossing& crossing : step) {
      const double start = std::max(crossing.made, out);
      out = start + occupancy;
      if (crossing.waited) ways.push_back(crossing.begin - start);
    }
  }
  return ways;
}

// Mean squared distance from the middle: where the sender waits for the link,
// few tensors of a step show that by their way, but those by much.
double Spread(const std::vector<double>& ways, double middle) {
  double sum = 0;
  for (const double way : ways) sum += (way - middle) * (way - middle);
  return sum / static_cast<double>(ways.size());
}

// Distances of arrivals that exceed those at which the tensors were made.
std::vector<double> LongerDistances(
    const std::vector<std::vector<Crossing>>& steps) {
  std::vector<double> distances;
  for (const std::vector<Crossing>& step : steps) {
    for (size_t i = 1; i < step.size(); ++i) {
      if (!step[i].waited || !step[i - 1].waited) continue;
      const double arrived = step[i].begin - step[i - 1].begin;
      const double made = step[i].made - step[i - 1].made;
      if (arrived > made + kNoise) distances.push_back(arrived);
    }
  }
  return distances;
}

}  // namespace

LinkFit FitLink(std::vector<std::vector<Crossing>> steps) {
  for (std::vector<Crossing>& step : steps) {
    std::sort(
        step.begin(), step.end(),
        [](const Crossing& a, const Crossing& b) { return a.made < b.made; });
  }
  LinkFit fit;
  const std::vector<double> ways = Ways(steps, 0);
  if (ways.empty()) return fit;
  fit.whole = Median(ways, 0);
  std::vector<double> distances = LongerDistances(steps);
  if (distances.size() < kPairsMin) return fit;
  std::sort(distances.begin(), distances.end());
  double most = Spread(ways, fit.whole) / kBetter;
  for (size_t i = 1; i < kCandidates; ++i) {
    const double occupancy = distances[i * distances.size() / kCandidates];
    const std::vector<double> queued = Ways(steps, occupancy);
    const double whole = Median(queued, 0);
    const double spread = Spread(queued, whole);
    if (spread >= most) continue;
    most = spread;
    fit = {.whole = whole, .occupancy = occupancy, .separated = true};
  }
  return fit;
}

}  // namespace penstock
