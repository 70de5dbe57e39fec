#include "coordinator/schedule/program_writer.h"

namespace penstock {

ProgramWriter::ProgramWriter(std::vector<Lane> lanes, int microbatches,
                             size_t actions)
    : microbatches_(microbatches) {
  for (const Lane& lane : lanes) lanes_.push_back({.lane = lane});
  program_.reserve(actions);
}

void ProgramWriter::Append(const Lane& lane, ActionKind kind, int& count) {
  if (count < microbatches_) {
    program_.push_back({lane.stage, kind, lane.first_microbatch + count});
  }
  ++count;
}

void ProgramWriter::Forward(int lane) {
  Append(lanes_[lane].lane, ActionKind::kForward, lanes_[lane].forwards);
}

void ProgramWriter::Backward(int lane) {
  Append(lanes_[lane].lane, ActionKind::kBackward, lanes_[lane].backwards);
  // Keeps I and W of one micro-batch together after a B.
  ++lanes_[lane].weights;
}

void ProgramWriter::InputGradient(int lane) {
  State& state = lanes_[lane];
  Append(state.lane, ActionKind::kBackwardInput, state.backwards);
  waiting_.push_back(lane);
}

void ProgramWriter::WeightGradient(int lane) {
  Append(lanes_[lane].lane, ActionKind::kBackwardWeight, lanes_[lane].weights);
}

void ProgramWriter::OldestWeightGradient() {
  if (waiting_begin_ < waiting_.size()) {
    WeightGradient(waiting_[waiting_begin_++]);
  }
}

void ProgramWriter::Overlapped(int forward_lane, int backward_lane) {
  Forward(forward_lane);
  program_.back().overlaps_next = true;
  Backward(backward_lane);
}

}  // namespace penstock
