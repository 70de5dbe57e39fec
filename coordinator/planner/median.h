#ifndef COORDINATOR_PLANNER_MEDIAN_H_
#define COORDINATOR_PLANNER_MEDIAN_H_

#include <algorithm>
#include <cstddef>
#include <vector>

namespace penstock {

// The middle one, the lower of two; `otherwise` when there is none.
inline double Median(std::vector<double> values, double otherwise) {
  if (values.empty()) return otherwise;
  const auto middle = values.begin() + std::ptrdiff_t(values.size() - 1) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_MEDIAN_H_
