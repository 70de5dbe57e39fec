#include "coordinator/planner/solve/device_orders.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace penstock {
namespace {

constexpr size_t kOrdersMax = 120;

using Group = std::vector<int>;

// Better first: faster, then larger, then listed earlier.
bool IsBetter(const SolveProblem& problem, int a, int b) {
  const SolveDevice& x = problem.devices[a];
  const SolveDevice& y = problem.devices[b];
  if (x.speed_millionths != y.speed_millionths) {
    return x.speed_millionths > y.speed_millionths;
  }
  if (x.memory_bytes != y.memory_bytes) return x.memory_bytes > y.memory_bytes;
  return a < b;
}

std::vector<int> BestFirst(const SolveProblem& problem) {
  std::vector<int> devices(problem.devices.size());
  std::iota(devices.begin(), devices.end(), 0);
  std::sort(devices.begin(), devices.end(),
            [&](int a, int b) { return IsBetter(problem, a, b); });
  return devices;
}

// No faster device has less memory, so that better is better in every way.
bool IsTotallyOrdered(const SolveProblem& problem,
                      const std::vector<int>& best_first) {
  for (size_t i = 1; i < best_first.size(); ++i) {
    if (problem.devices[best_first[i]].memory_bytes >
        problem.devices[best_first[i - 1]].memory_bytes) {
      return false;
    }
  }
  return true;
}

bool AreAllEqual(const SolveProblem& problem) {
  return std::all_of(problem.devices.begin(), problem.devices.end(),
                     [&](const SolveDevice& device) {
                       const SolveDevice& first = problem.devices[0];
                       return device.memory_bytes == first.memory_bytes &&
                              device.speed_millionths == first.speed_millionths;
                     });
}

std::vector<Group> GroupsInTurn(const std::vector<int>& devices,
                                int64_t pipeline, int64_t data) {
  std::vector<Group> groups(pipeline);
  for (int64_t i = 0; i < pipeline * data; ++i) {
    groups[i % pipeline].push_back(devices[i]);
  }
  return groups;
}

std::vector<Group> GroupsOfEquals(const std::vector<int>& best_first,
                                  int64_t pipeline, int64_t data) {
  std::vector<Group> groups;
  for (int64_t rank = 0; rank < pipeline; ++rank) {
    const auto begin = best_first.begin() + rank * data;
    groups.emplace_back(begin, begin + data);
  }
  return groups;
}

// A number per group, equal for groups that are as good as each other.
std::vector<int> KindsOf(const SolveProblem& problem,
                         const std::vector<Group>& groups) {
  std::vector<int> kinds;
  for (size_t i = 0; i < groups.size(); ++i) {
    int kind = static_cast<int>(i);
    for (size_t j = 0; j < i && problem.pair_links.empty(); ++j) {
      const bool equal =
          std::equal(groups[i].begin(), groups[i].end(), groups[j].begin(),
                     [&](int a, int b) {
                       return problem.devices[a].speed_millionths ==
                                  problem.devices[b].speed_millionths &&
                              problem.devices[a].memory_bytes ==
                                  problem.devices[b].memory_bytes;
                     });
      if (equal) {
        kind = kinds[j];
        break;
      }
    }
    kinds.push_back(kind);
  }
  return kinds;
}

// Groups of the kinds in `order`, each used once.
std::vector<Group> Arrange(const std::vector<Group>& groups,
                           const std::vector<int>& kinds,
                           const std::vector<int>& order) {
  std::vector<Group> arranged;
  std::vector<bool> used(groups.size());
  for (const int kind : order) {
    for (size_t i = 0; i < groups.size(); ++i) {
      if (used[i] || kinds[i] != kind) continue;
      used[i] = true;
      arranged.push_back(groups[i]);
      break;
    }
  }
  return arranged;
}

DeviceOrders Permutations(const SolveProblem& problem,
                          const std::vector<Group>& groups) {
  const std::vector<int> kinds = KindsOf(problem, groups);
  std::vector<int> order = kinds;
  std::sort(order.begin(), order.end());
  DeviceOrders result;
  do {
    if (result.orders.size() == kOrdersMax) {
      std::vector<Group> last_first(groups.rbegin(), groups.rend());
      return {.orders = {groups, std::move(last_first)}, .complete = false};
    }
    result.orders.push_back(Arrange(groups, kinds, order));
  } while (std::next_permutation(order.begin(), order.end()));
  return result;
}

}  // namespace

DeviceOrders OrdersOf(const SolveProblem& problem, int64_t pipeline,
                      int64_t data) {
  const int64_t needed = pipeline * data;
  const bool all = needed == static_cast<int64_t>(problem.devices.size());
  const bool equal = AreAllEqual(problem) && problem.pair_links.empty();
  std::vector<int> chosen = BestFirst(problem);
  const bool best_is_best =
      problem.pair_links.empty() && IsTotallyOrdered(problem, chosen);
  chosen.resize(needed);
  if (equal || !problem.reorder_devices) {
    std::sort(chosen.begin(), chosen.end());
    return {.orders = {GroupsInTurn(chosen, pipeline, data)},
            .complete = equal || all};
  }
  DeviceOrders result =
      Permutations(problem, GroupsOfEquals(chosen, pipeline, data));
  const bool grouped_best = data == 1 || best_is_best;
  result.complete = result.complete && grouped_best && (all || best_is_best);
  return result;
}

}  // namespace penstock
