#ifndef PROTO_PLAN_H_
#define PROTO_PLAN_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/action.h"
#include "proto/communicator.h"
#include "proto/job_spec.h"

namespace penstock {

// What one rank is forecast to hold, in bytes.
struct MemoryForecast {
  int64_t weights = 0;  // Parameters of its units.
  int64_t gradients = 0;
  // Both moments of AdamW; what is kept to take an optimistic update back.
  int64_t optimizer = 0;
  int64_t activations = 0;  // Saved for backward, at the schedule's peak.
  int64_t buffers = 0;    // Stage inputs, outputs, their gradients, reductions.
  int64_t workspace = 0;  // Scratch and deferred memory of one pass.
  int64_t checkpoint = 0;  // The host copy that is written while training on.
  int64_t process = 0;     // Code, libraries, gRPC.

  int64_t total() const {
    return weights + gradients + optimizer + activations + buffers + workspace +
           checkpoint + process;
  }
};

// A contiguous slice of the model's units, [unit_begin, unit_end), and the rank
// that runs it.
struct StagePlan {
  int64_t unit_begin = 0;
  int64_t unit_end = 0;
  int rank = 0;
  // Forecast per micro-batch.
  absl::Duration forward;
  absl::Duration input_gradient;
  absl::Duration weight_gradient;
  // Forecast of a tensor's way to the next stage, or back, when that is on
  // another rank: so long it keeps the link busy, and then it is on its way.
  // Both 0: by the planner's own figures of links.
  absl::Duration hop_latency;
  absl::Duration hop_occupancy;
};

// How many buffers of each class a rank needs at once, by its program: the peak
// over a step, per stage it owns.
struct StageBuffers {
  int stage = 0;
  // Micro-batches between F and the end of B or W; of one with an R, while F
  // lasts and between R and the end of B or W.
  int activations = 0;
  int inputs = 0;            // Between RECV_F and the end of B or W.
  int outputs = 0;           // Between F and the end of SEND_F.
  int output_gradients = 0;  // Between RECV_B and the end of B or W.
  int input_gradients = 0;   // Between B or I and the end of SEND_B.
  int deferred = 0;          // Between I and W; 0 when the program has only B.
  bool whole_backward = false;  // The program has a B.
  int versions = 1;  // Of the weights: the newest, and older ones in use.
};

struct RankPlan {
  std::vector<Action> program;  // Lowered: with transfers and OPTIMIZER.
  std::vector<StageBuffers> buffers;
  MemoryForecast memory;
};

// Edges and groups whose tensors travel alike.
struct LinkPlan {
  bool nccl = false;   // Else by gRPC.
  std::string reason;  // For people.
  std::vector<Communicator> communicators;

  friend bool operator==(const LinkPlan&, const LinkPlan&) = default;
};

// Where the weights of a plan come from.
struct StartPoint {
  int64_t step = 0;        // Optimizer updates already in the weights.
  std::string checkpoint;  // Directory; empty to initialize.
};

// Partition, schedule and forecasts of one job: all that its executors need
// besides each other's addresses. Equal for all replicas.
struct Plan {
  JobSpec spec;
  std::vector<StagePlan> stages;
  std::vector<RankPlan> ranks;  // One pipeline's.
  // Of all executors that exchange tensors, each way once.
  std::vector<LinkPlan> links;
  // How often the pipeline holds the model, and pieces of each micro-batch; see
  // coordinator/schedule/schedule.h. The stages of copy c are the c-th of as
  // many equal parts of `stages`, its micro-batches likewise.
  int copies = 1;
  int pieces = 1;
  std::string schedule;  // Its name: the spec's, or what `auto` has chosen.
  std::string schedule_reason;  // Why, when the planner chose; for people.
  StartPoint start;
  std::string checkpoint_directory;  // Of the job; the plan's maker chooses it.
  // Counts the plans that differ in programs, buffers and forecasts only. The
  // executors turn from one to the next together, between two steps.
  uint64_t revision = 0;
  double bubble_fraction = 0;  // Predicted, of the step.
  absl::Duration step_time;    // Predicted.
};

// Of the plan's stages, those of one copy of the model; see Schedule.
inline int StagesPerCopy(const Plan& plan) {
  return static_cast<int>(plan.stages.size()) / plan.copies;
}
inline int CopyOf(const Plan& plan, int stage) {
  return stage / StagesPerCopy(plan);
}
inline int SliceOf(const Plan& plan, int stage) {
  return stage % StagesPerCopy(plan);
}
inline bool IsFirstStage(const Plan& plan, int stage) {
  return SliceOf(plan, stage) == 0;
}
inline bool IsLastStage(const Plan& plan, int stage) {
  return SliceOf(plan, stage) == StagesPerCopy(plan) - 1;
}

// Whether weights that lie as one plan says lie as the other says, too: the
// same stages of the same units on the same ranks.
inline bool HaveSameStages(const Plan& a, const Plan& b) {
  return a.copies == b.copies && a.pieces == b.pieces &&
         a.ranks.size() == b.ranks.size() &&
         std::equal(a.stages.begin(), a.stages.end(), b.stages.begin(),
                    b.stages.end(), [](const StagePlan& x, const StagePlan& y) {
                      return x.unit_begin == y.unit_begin &&
                             x.unit_end == y.unit_end && x.rank == y.rank;
                    });
}

// Which part of which plan a device executes. Tensors and checkpoints carry the
// epoch, so that nothing of an old plan can enter a new one.
struct Assignment {
  std::string job;
  uint64_t epoch = 0;  // Numbers the plans of a job, from 1.
  int replica = 0;
  int rank = 0;

  friend auto operator<=>(const Assignment&, const Assignment&) = default;
};

}  // namespace penstock

#endif  // PROTO_PLAN_H_
