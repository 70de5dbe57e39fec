#include "coordinator/planner/solve/certificate.h"

#include <algorithm>
#include <set>
#include <string>

#include "coordinator/planner/solve/check_value.h"
#include "fmt/format.h"

namespace penstock {
namespace {

int CopiesOf(const Solution& solution) {
  int copies = 1;
  for (const SolvedStage& stage : solution.stages) {
    copies = std::max(copies, stage.copy + 1);
  }
  return copies;
}

// How often each layer of a copy occurs.
std::vector<int> Occurrences(const SolveProblem& problem,
                             const Solution& solution, int copy) {
  std::vector<int> count(problem.layers.size());
  for (const SolvedStage& stage : solution.stages) {
    if (stage.copy != copy) continue;
    for (int64_t layer = stage.begin; layer < stage.end; ++layer) {
      if (layer >= 0 && layer < std::ssize(count)) ++count[layer];
    }
  }
  return count;
}

SolveCheck CheckComplete(const SolveProblem& problem,
                         const Solution& solution) {
  for (int copy = 0; copy < CopiesOf(solution); ++copy) {
    const std::vector<int> count = Occurrences(problem, solution, copy);
    const auto missing = std::find(count.begin(), count.end(), 0);
    if (missing == count.end()) continue;
    return {"complete", false,
            fmt::format("layer {} is in no stage", missing - count.begin())};
  }
  return {"complete", true,
          fmt::format("all {} layers", problem.layers.size())};
}

SolveCheck CheckDisjoint(const SolveProblem& problem,
                         const Solution& solution) {
  for (int copy = 0; copy < CopiesOf(solution); ++copy) {
    const std::vector<int> count = Occurrences(problem, solution, copy);
    const auto twice = std::find_if(count.begin(), count.end(),
                                    [](int times) { return times > 1; });
    if (twice == count.end()) continue;
    return {
        "disjoint", false,
        fmt::format("layer {} is in {} stages", twice - count.begin(), *twice)};
  }
  return {"disjoint", true, "each in one stage"};
}

SolveCheck CheckOrdered(const Solution& solution) {
  for (size_t i = 1; i < solution.stages.size(); ++i) {
    const SolvedStage& before = solution.stages[i - 1];
    const SolvedStage& stage = solution.stages[i];
    if (before.copy != stage.copy || before.end == stage.begin) continue;
    return {"ordered", false,
            fmt::format("stage {} ends at layer {}, the next begins at {}",
                        i - 1, before.end, stage.begin)};
  }
  return {"ordered", true,
          fmt::format("{} stages in a row", solution.stages.size())};
}

SolveCheck CheckNonEmpty(const Solution& solution) {
  std::set<int> ranks;
  for (const SolvedStage& stage : solution.stages) {
    ranks.insert(stage.rank);
    if (stage.begin < stage.end) continue;
    return {"non-empty", false,
            fmt::format("a stage of rank {} has no layer", stage.rank)};
  }
  return {"non-empty", ranks.size() == solution.ranks.size(),
          fmt::format("{} of {} ranks have stages", ranks.size(),
                      solution.ranks.size())};
}

SolveCheck CheckDevices(const SolveProblem& problem, const Solution& solution) {
  std::set<int> used;
  for (const SolvedRank& rank : solution.ranks) {
    for (const int device : rank.devices) {
      if (used.insert(device).second) continue;
      return {"devices", false, fmt::format("device {} is used twice", device)};
    }
  }
  return {
      "devices", problem.drop_devices || used.size() == problem.devices.size(),
      fmt::format("{} of {}, each once", used.size(), problem.devices.size())};
}

// Of the layers of `stage`, one by one. `workspace` becomes the largest that a
// recomputed layer needs while it runs.
double BytesOfStage(const SolveProblem& problem, const Solution& solution,
                    const SolvedStage& stage, double& workspace) {
  const auto size = static_cast<double>(solution.choice.micro_batch_size);
  const double factor = 1 + problem.gradient_bytes_per_parameter_byte +
                        problem.optimizer_bytes_per_parameter_byte;
  double bytes = 0;
  for (int64_t index = stage.begin; index < stage.end; ++index) {
    const SolveLayer& layer = problem.layers[index];
    bytes += factor * static_cast<double>(layer.parameter_bytes);
    auto kept = static_cast<double>(layer.activation_bytes);
    if (std::count(stage.recomputed.begin(), stage.recomputed.end(), index)) {
      const auto least =
          static_cast<double>(layer.activation_recomputed_bytes.value());
      workspace = std::max(workspace, (kept - least) * size);
      kept = least;
    }
    bytes += static_cast<double>(stage.in_flight) * kept * size;
  }
  double crossing = 0;
  if (stage.begin > 0) {
    crossing +=
        static_cast<double>(problem.layers[stage.begin - 1].boundary_bytes);
  }
  if (stage.end < std::ssize(problem.layers)) {
    crossing +=
        static_cast<double>(problem.layers[stage.end - 1].boundary_bytes);
  }
  return bytes + 2 * crossing * size;
}

SolveCheck CheckFits(const SolveProblem& problem, const Solution& solution) {
  const bool makespan = problem.objective == SolveObjective::kMakespan;
  double fullest = 0;
  for (size_t rank = 0; rank < solution.ranks.size(); ++rank) {
    double bytes = 0;
    double workspace = 0;
    for (const SolvedStage& stage : solution.stages) {
      if (stage.rank != static_cast<int>(rank)) continue;
      bytes += BytesOfStage(problem, solution, stage, workspace);
    }
    if (makespan) bytes += workspace;
    for (const int device : solution.ranks[rank].devices) {
      const auto has =
          static_cast<double>(problem.devices[device].memory_bytes);
      if (bytes > has) {
        return {"fits", false,
                fmt::format("rank {} needs {:.0f} bytes, device {} has {:.0f}",
                            rank, bytes, device, has)};
      }
      if (has > 0) fullest = std::max(fullest, bytes / has);
    }
  }
  return {"fits", true,
          fmt::format("the fullest device is {:.1f} % full", 100 * fullest)};
}

}  // namespace

std::vector<SolveCheck> Certify(const SolveProblem& problem,
                                const Solution& solution) {
  return {CheckComplete(problem, solution), CheckDisjoint(problem, solution),
          CheckOrdered(solution),           CheckNonEmpty(solution),
          CheckDevices(problem, solution),  CheckFits(problem, solution),
          CheckValue(problem, solution)};
}

}  // namespace penstock
