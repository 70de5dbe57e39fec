#ifndef COORDINATOR_SCHEDULE_PROGRAM_WRITER_H_
#define COORDINATOR_SCHEDULE_PROGRAM_WRITER_H_

#include <vector>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// Writes the program of one rank, giving out the micro-batches of each of its
// stages in order: the second Forward(0) is F1 of the first stage, and so on.
// Whatever goes beyond the last micro-batch is left out.
//
// A program uses either WeightGradient or OldestWeightGradient. Pure.
class ProgramWriter {
 public:
  struct Lane {
    int stage = 0;
    int first_microbatch = 0;
  };

  // `lanes` are the stages of the rank; each has `microbatches` of them.
  // `actions` is how many the program will have.
  ProgramWriter(std::vector<Lane> lanes, int microbatches, size_t actions);

  void Forward(int lane);
  void Backward(int lane);
  void InputGradient(int lane);
  void WeightGradient(int lane);
  // W of the I that has waited longest, on any stage; nothing if there is none.
  void OldestWeightGradient();
  // F of one stage and B of the other as one compound action.
  void Overlapped(int forward_lane, int backward_lane);

  // How many F of the lane are written; B and I count alike.
  int forwards(int lane) const { return lanes_[lane].forwards; }
  int backwards(int lane) const { return lanes_[lane].backwards; }

  std::vector<Action> Take() && { return std::move(program_); }

 private:
  struct State {
    Lane lane;
    int forwards = 0;
    int backwards = 0;
    int weights = 0;
  };

  void Append(const Lane& lane, ActionKind kind, int& count);

  const int microbatches_;
  std::vector<State> lanes_;
  std::vector<int> waiting_;  // The lane of each I, in order.
  size_t waiting_begin_ = 0;
  std::vector<Action> program_;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_PROGRAM_WRITER_H_
