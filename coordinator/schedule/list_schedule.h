#ifndef COORDINATOR_SCHEDULE_LIST_SCHEDULE_H_
#define COORDINATOR_SCHEDULE_LIST_SCHEDULE_H_

#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "coordinator/schedule/pipeline_instance.h"

namespace penstock {

// What a rank does next when several actions could run.
struct ListRules {
  // Per stage, >= 1: no F while so many of its micro-batches are between F and
  // the end of I.
  std::vector<int> in_flight_max;
  // Per stage: of the F and I whose input is there the one with the smallest
  // (micro-batch rounded down to a multiple of group_size) + offset runs.
  std::vector<double> forward_offset;
  std::vector<double> backward_offset;
  int group_size = 1;  // >= 1.
  // Per rank: W runs before any F and I when more than so many wait.
  std::vector<int> pending_max;
  // Per rank: W fills a gap before the next F or I that is at least this share
  // of its time; above 1 the gap must be longer than W.
  std::vector<double> fill;
  // Per rank: F waits for a more urgent action which comes before this share
  // of F's time has passed.
  std::vector<double> patience;
};

// The smallest memory_max of `rank` with which any schedule exists: its stages'
// activations of one micro-batch, which all pass before the last stage's I.
double MemoryNeeded(const PipelineInstance& instance, int rank);

// Makes schedules of one pipeline, by different rules, one after another.
//
// Time runs forwards; whenever a rank is free it runs what the rules say. F
// leaves room for the activations of the rank's deeper stages, so that memory
// cannot run into a deadlock: the deepest stage always goes on, then the next.
// Micro-batches of a stage run in their order, F, I and W each.
//
// Thread-compatible. `instance` must outlive this; its memory_max must be at
// least MemoryNeeded and its copies' micro-batches at least one.
class ListScheduler {
 public:
  explicit ListScheduler(const PipelineInstance& instance);

  // Replaces `programs` (I and W, no B) and returns how long they take.
  ListTimes Run(const ListRules& rules,
                std::vector<std::vector<Action>>& programs);

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Candidate {
    double start = kNever;
    ActionKind kind = ActionKind::kForward;
    int stage = 0;
  };
  struct Pass : Candidate {
    double urgency = kNever;  // Less is more urgent.
  };
  struct Stage {
    int rank = 0;
    double room = 0;   // Most that may be held before F.
    int forwards = 0;  // Run so far.
    int inputs = 0;
    int weights = 0;
  };
  struct Rank {
    std::vector<int> stages;  // Deepest first.
    double free = 0;
    double first_start = -1;
    double held = 0;  // Memory.
    int pending = 0;  // W.
    Candidate next;
  };

  void Reset(std::vector<std::vector<Action>>& programs);
  Candidate Choose(const ListRules& rules, int rank);
  Candidate ChoosePass(const ListRules& rules, int rank);
  Candidate OldestWeight(int rank) const;
  bool ForwardAllowed(const ListRules& rules, int stage) const;
  void Offer(const ListRules& rules, ActionKind kind, int stage);
  void SetNext(int rank, const Candidate& next);
  int Winner(size_t node) const;
  void Execute(int rank, std::vector<Action>& program);
  void Send(int from, int to, int microbatch, double made);
  ListTimes Summarize() const;

  size_t Cell(int stage, int microbatch) const {
    return static_cast<size_t>(stage) * microbatches_ + microbatch;
  }

  const PipelineInstance& instance_;
  const int microbatches_;  // Of one copy.
  std::vector<Stage> stages_;
  std::vector<Rank> ranks_;
  // A tournament of the ranks by the start of their next actions: node n's
  // children are 2n and 2n + 1, the leaves are ranks.
  size_t leaves_ = 1;
  std::vector<int> winners_;
  // When the input of F, and of I, is on the rank; kNever while unknown.
  std::vector<double> forward_arrival_;
  std::vector<double> input_arrival_;
  const std::vector<std::array<int, 2>> edges_into_;
  std::vector<double> edge_free_;
  std::vector<Pass> offers_;  // F and I that one rank could run.
  std::vector<int> woken_;    // Ranks whose next action is to be chosen again.
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_LIST_SCHEDULE_H_
