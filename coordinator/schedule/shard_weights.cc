#include "coordinator/schedule/shard_weights.h"

#include <algorithm>
#include <map>
#include <utility>

#include "proto/base/check.h"

namespace penstock {
namespace {

bool Contains(const std::vector<int>& stages, int stage) {
  return std::find(stages.begin(), stages.end(), stage) != stages.end();
}

// Where in a program the compute actions of each of its stages are.
class Uses {
 public:
  explicit Uses(const std::vector<Action>& program) {
    for (size_t i = program.size(); i-- > 0;) {
      if (IsCompute(program[i].kind)) {
        uses_[program[i].stage].push_back(i);
      }
    }
  }

  // The next different stages that are used from `index` on, in order, at most
  // `stages_max`. Indices of successive calls must not decrease.
  std::vector<int> Next(size_t index, size_t stages_max) {
    std::vector<std::pair<size_t, int>> next;
    for (auto& [stage, indices] : uses_) {
      while (!indices.empty() && indices.back() < index) indices.pop_back();
      if (!indices.empty()) next.emplace_back(indices.back(), stage);
    }
    std::sort(next.begin(), next.end());
    std::vector<int> stages;
    for (size_t i = 0; i < std::min(stages_max, next.size()); ++i) {
      stages.push_back(next[i].second);
    }
    return stages;
  }

 private:
  std::map<int, std::vector<size_t>> uses_;  // Per stage, the next one last.
};

std::vector<Action> ShardProgram(const std::vector<Action>& program,
                                 int stages_max) {
  std::vector<Action> sharded;
  std::vector<int> gathered;  // In the order in which they were.
  const auto move_window = [&](const std::vector<int>& next) {
    for (const int stage : std::vector<int>(gathered)) {
      if (Contains(next, stage)) continue;
      sharded.push_back({stage, ActionKind::kReshard, -1});
      gathered.erase(std::find(gathered.begin(), gathered.end(), stage));
    }
    for (const int stage : next) {
      if (Contains(gathered, stage)) continue;
      sharded.push_back({stage, ActionKind::kUnshard, -1});
      gathered.push_back(stage);
    }
  };
  Uses uses(program);
  for (size_t i = 0; i < program.size(); ++i) {
    // Nothing comes between the two of a compound action, which need both.
    const bool second = i > 0 && program[i - 1].overlaps_next;
    if (IsCompute(program[i].kind) && !second) {
      const int least = program[i].overlaps_next ? 2 : 1;
      move_window(uses.Next(i, std::max(stages_max, least)));
    }
    sharded.push_back(program[i]);
    if (!gathered.empty() && uses.Next(i + 1, 1).empty()) move_window({});
  }
  return sharded;
}

}  // namespace

Schedule ShardWeights(const Schedule& schedule, int stages_max) {
  PENSTOCK_CHECK(stages_max >= 1);
  Schedule sharded = schedule;
  for (std::vector<Action>& program : sharded.programs) {
    program = ShardProgram(program, stages_max);
  }
  return sharded;
}

}  // namespace penstock
