#include "coordinator/schedule/buffer_use.h"

namespace penstock {

BufferUse::BufferUse(const Schedule& schedule, std::vector<StageBytes> bytes)
    : schedule_(schedule),
      topology_(schedule),
      recomputed_(schedule, topology_),
      stages_(schedule.rank_of_stage.size()) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    Stage& stage = stages_[i];
    stage.activations.bytes = bytes[i].activation;
    stage.kept.bytes = bytes[i].kept;
    stage.inputs.bytes = stage.input_gradients.bytes = bytes[i].before;
    stage.outputs.bytes = stage.output_gradients.bytes = bytes[i].after;
    stage.deferred.bytes = bytes[i].deferred;
    stage.stashed.bytes = bytes[i].version;
  }
}

void BufferUse::Begin(int rank) {
  sent_.clear();
  index_ = 0;
  bytes_ = peak_bytes_ = 0;
  const std::vector<Action>& program = schedule_.programs[rank];
  for (size_t i = 0; i < program.size(); ++i) {
    if (program[i].version < 0 || !IsCompute(program[i].kind)) continue;
    std::vector<size_t>& last_use = stages_[program[i].stage].last_use;
    const size_t version = static_cast<size_t>(program[i].version);
    last_use.resize(std::max(last_use.size(), version + 1));
    last_use[version] = i;
  }
}

size_t BufferUse::Execute(const Action* next) {
  const size_t count = next->overlaps_next ? 2 : 1;
  if (IsCompute(next->kind)) {
    for (size_t i = 0; i < count; ++i) {
      BeginAction(next[i], stages_[next[i].stage]);
    }
    for (Counter* counter : sent_) Give(*counter);
    sent_.clear();
    for (size_t i = 0; i < count; ++i) {
      EndAction(next[i], stages_[next[i].stage]);
      ++index_;
    }
    return count;
  }
  switch (next->kind) {
    case ActionKind::kReceiveForward:
      Take(stages_[next->stage].inputs);
      break;
    case ActionKind::kReceiveBackward:
      Take(stages_[next->stage].output_gradients);
      break;
    case ActionKind::kSendForward:
      sent_.push_back(&stages_[next->stage].outputs);
      break;
    case ActionKind::kSendBackward:
      sent_.push_back(&stages_[next->stage].input_gradients);
      break;
    case ActionKind::kUpdate:
      Update(stages_[next->stage]);
      break;
    default:
      break;
  }
  ++index_;
  return 1;
}

StageBuffers BufferUse::Peaks(int stage) const {
  const Stage& use = stages_[stage];
  return {.stage = stage,
          .activations = use.activations.peak,
          .inputs = use.inputs.peak,
          .outputs = use.outputs.peak,
          .output_gradients = use.output_gradients.peak,
          .input_gradients = use.input_gradients.peak,
          .deferred = use.deferred.peak,
          .whole_backward = use.whole_backward,
          .versions = 1 + use.stashed.peak};
}

void BufferUse::Take(Counter& counter) {
  counter.peak = std::max(counter.peak, ++counter.now);
  bytes_ += counter.bytes;
  peak_bytes_ = std::max(peak_bytes_, bytes_);
}

void BufferUse::Give(Counter& counter) {
  --counter.now;
  bytes_ -= counter.bytes;
}

void BufferUse::BeginAction(const Action& action, Stage& stage) {
  const StageLinks& links = topology_[action.stage];
  switch (action.kind) {
    case ActionKind::kForward:
      Take(stage.activations);
      if (!links.has_after) break;
      Take(links.crosses_after ? stage.outputs
                               : stages_[action.stage + 1].inputs);
      break;
    case ActionKind::kRecompute:
      Take(stage.activations);
      break;
    case ActionKind::kBackwardInput:
    case ActionKind::kBackward:
      if (action.kind == ActionKind::kBackwardInput) {
        Take(stage.deferred);
      } else {
        stage.whole_backward = true;
      }
      if (!links.has_before) break;
      Take(links.crosses_before ? stage.input_gradients
                                : stages_[action.stage - 1].output_gradients);
      break;
    default:
      break;
  }
}

void BufferUse::EndAction(const Action& action, Stage& stage) {
  const StageLinks& links = topology_[action.stage];
  switch (action.kind) {
    case ActionKind::kForward:
      if (!recomputed_.Has(topology_.Cell(action))) break;
      Give(stage.activations);
      Take(stage.kept);
      break;
    case ActionKind::kRecompute:
      Give(stage.kept);
      break;
    case ActionKind::kBackwardWeight:
    case ActionKind::kBackward:
      if (action.kind == ActionKind::kBackwardWeight) Give(stage.deferred);
      Give(stage.activations);
      if (links.has_before) Give(stage.inputs);
      if (links.has_after) Give(stage.output_gradients);
      break;
    default:
      break;
  }
  if (action.version >= 0) UseVersion(action, stage);
}

// The version before stays when an action still uses it.
void BufferUse::Update(Stage& stage) {
  const size_t before = static_cast<size_t>(stage.newest_version++);
  if (before < stage.last_use.size() && stage.last_use[before] > index_) {
    Take(stage.stashed);
  }
}

void BufferUse::UseVersion(const Action& action, Stage& stage) {
  const size_t version = static_cast<size_t>(action.version);
  if (action.version != stage.newest_version &&
      stage.last_use[version] == index_) {
    Give(stage.stashed);
  }
}

}  // namespace penstock
