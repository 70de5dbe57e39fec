#ifndef COORDINATOR_SCHEDULE_LIST_TIMES_H_
#define COORDINATOR_SCHEDULE_LIST_TIMES_H_

#include <array>
#include <optional>
#include <vector>

#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// Executes lists of F, I and W of one pipeline in invented time, many after one
// another, without allocating. Agrees with Simulate.
//
// Thread-compatible. `instance` must outlive this.
class ListTimer {
 public:
  explicit ListTimer(const PipelineInstance& instance);

  // Nothing when the programs do not come to their end.
  std::optional<ListTimes> Run(
      const std::vector<std::vector<Action>>& programs);

  // One action of a rank's program.
  struct Position {
    int rank = 0;
    int index = 0;
  };

  // Of the last Run: the actions, from the end of `rank` backwards, each of
  // which started when the one after it here ended or its tensor arrived.
  void TraceBack(const std::vector<std::vector<Action>>& programs, int rank,
                 std::vector<Position>& path) const;

  double Start(Position at) const { return starts_[at.rank][at.index]; }
  double End(Position at) const { return ends_[at.rank][at.index]; }
  // Between the first action and the last.
  double Span(int rank) const;

 private:
  size_t Cell(int stage, int microbatch) const {
    return static_cast<size_t>(stage) * instance_.microbatches + microbatch;
  }
  double Execute(int rank, int index, const Action& action, double free);
  void Send(int from, int to, int microbatch, double made);

  const PipelineInstance& instance_;
  const std::vector<std::array<int, 2>> edges_into_;
  std::vector<double> edge_free_;
  // Of F and of I, per stage and micro-batch: when the input arrives (kNever
  // while unknown), and which action made it.
  std::array<std::vector<double>, 2> arrival_;
  std::array<std::vector<Position>, 2> maker_;
  std::vector<std::vector<double>> starts_;
  std::vector<std::vector<double>> ends_;
  std::vector<int> queue_;
  std::vector<char> queued_;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LIST_TIMES_H_
