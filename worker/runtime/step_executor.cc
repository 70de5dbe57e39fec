#include "worker/runtime/step_executor.h"

#include <numeric>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/peers.h"

namespace penstock {
namespace {

bool MakesInputGradient(ActionKind kind) {
  return kind == ActionKind::kBackward || kind == ActionKind::kBackwardInput;
}

}  // namespace

StepExecutor::StepExecutor(const Plan& plan, const Assignment& assignment,
                           RankMemory& memory,
                           std::vector<std::unique_ptr<Stage>> stages,
                           Link& link, absl::Duration wait_max, StepHooks hooks,
                           StepListener listener)
    : plan_(plan),
      assignment_(assignment),
      link_(link),
      wait_max_(wait_max),
      hooks_(std::move(hooks)),
      listener_(std::move(listener)),
      losses_(plan.spec.batch.micro_batches * plan.pieces) {
  PENSTOCK_CHECK(stages.size() == memory.stages.size());
  for (size_t i = 0; i < stages.size(); ++i) {
    stages_.push_back({.memory = &memory.stages[i],
                       .stage = std::move(stages[i]),
                       .recomputed = std::vector<bool>(losses_.size())});
  }
  for (const Action& action : plan.ranks[assignment.rank].program) {
    if (action.kind != ActionKind::kRecompute) continue;
    Local(action.stage).recomputed[IndexOf(action)] = true;
  }
  if (hooks_.validate) speculation_.emplace(plan, assignment, memory);
}

absl::Status StepExecutor::Run(int64_t step) {
  const size_t size = plan_.ranks[assignment_.rank].program.size();
  size_t begin = 0;
  if (speculation_.has_value()) {
    begin = speculation_->end();
    speculation_->BeginStep();
    const absl::Duration busy = busy_;
    RETURN_IF_ERROR(RunActions(step, 0, begin));
    absl::StatusOr<bool> valid = hooks_.validate(step);
    if (!valid.ok()) return AtAction(valid.status(), step, begin);
    if (!*valid) {
      busy_ = busy;
      RETURN_IF_ERROR(RunAgain(step));
    }
  }
  RETURN_IF_ERROR(RunActions(step, begin, size));
  return FinishSends(step);
}

absl::Status StepExecutor::RunAgain(int64_t step) {
  const size_t end = speculation_->end();
  RETURN_IF_ERROR(
      AtAction(speculation_->Discard(step, link_, wait_max_), step, end));
  RETURN_IF_ERROR(AtAction(FinishSends(step), step, end));
  speculation_->Repeat();
  for (size_t i = 0; i < end; ++i) {
    if (speculation_->Repeats(i)) RETURN_IF_ERROR(RunActions(step, i, i + 1));
  }
  return absl::OkStatus();
}

absl::Status StepExecutor::RunActions(int64_t step, size_t begin, size_t end) {
  const std::vector<Action>& program = plan_.ranks[assignment_.rank].program;
  for (size_t i = begin; i < end; ++i) {
    listener_.on_wait(i, program[i]);
    begin_ = SteadyNow();
    RETURN_IF_ERROR(AtAction(RunAction(step, program[i]), step, i));
    const absl::Time end_time = SteadyNow();
    if (IsCompute(program[i].kind)) busy_ += end_time - begin_;
    listener_.on_end(i, begin_, end_time);
  }
  return absl::OkStatus();
}

absl::Status StepExecutor::AtAction(const absl::Status& status, int64_t step,
                                    size_t index) const {
  if (status.ok()) return status;
  return Annotate(
      status,
      fmt::format("replica {} rank {} step {} {}", assignment_.replica,
                  assignment_.rank, step,
                  ToString(plan_.ranks[assignment_.rank].program[index])));
}

double StepExecutor::LossSum() const {
  return std::accumulate(losses_.begin(), losses_.end(), 0.0);
}

absl::Duration StepExecutor::TakeBusy() {
  return std::exchange(busy_, absl::ZeroDuration());
}

absl::Status StepExecutor::RunAction(int64_t step, const Action& action) {
  switch (action.kind) {
    case ActionKind::kForward:
    case ActionKind::kBackward:
    case ActionKind::kBackwardInput:
    case ActionKind::kBackwardWeight:
    case ActionKind::kRecompute:
      return RunPass(step, action);
    case ActionKind::kSendForward:
    case ActionKind::kSendBackward:
      return Send(step, action);
    case ActionKind::kReceiveForward:
    case ActionKind::kReceiveBackward:
      return PostReceive(step, action);
    case ActionKind::kReduceGradient:
      return hooks_.reduce_gradient(step, action.stage);
    case ActionKind::kReduceCopy:
      return hooks_.reduce_copy(step, action.stage);
    case ActionKind::kReduceTied:
      return hooks_.reduce_tied(step, action.stage);
    case ActionKind::kOptimizer:
      return hooks_.optimize(step);
    case ActionKind::kUpdate:
      return hooks_.update(step, action.stage, action.microbatch);
    case ActionKind::kUnshard:
    case ActionKind::kReshard:
      return absl::UnimplementedError("this executor does not know it");
  }
  return absl::InternalError("unknown action");
}

absl::Status StepExecutor::RunPass(int64_t step, const Action& action) {
  LocalStage& local = Local(action.stage);
  const int index = IndexOf(action);
  earlier_.clear();
  for (int piece = 0; piece < action.piece; ++piece) {
    earlier_.push_back(
        local.memory->activations.Find(index - action.piece + piece));
  }
  StagePass pass{.step = step,
                 .microbatch = action.microbatch,
                 .version = action.version,
                 .input = local.memory->inputs.Find(index),
                 .output_gradient = local.memory->output_gradients.Find(index),
                 .saved = local.memory->activations.Find(index),
                 .deferred = local.memory->deferred.Find(index),
                 .workspace = local.memory->workspace,
                 .earlier = earlier_};
  if (action.kind == ActionKind::kForward) {
    RETURN_IF_ERROR(PrepareForward(local, index, pass));
  } else if (action.kind == ActionKind::kRecompute) {
    ASSIGN_OR_RETURN(pass.saved, local.memory->activations.Acquire(index));
  } else if (action.kind != ActionKind::kBackwardWeight) {
    RETURN_IF_ERROR(PrepareInputGradient(
        local, index, pass, action.kind == ActionKind::kBackwardInput));
  }
  begin_ = SteadyNow();
  RETURN_IF_ERROR(Compute(action, local, pass));
  if (action.kind == ActionKind::kForward && local.recomputed[index]) {
    local.memory->activations.Release(index);
  }
  if (IsLastStage(plan_, action.stage) && MakesInputGradient(action.kind)) {
    ASSIGN_OR_RETURN(losses_[index], local.stage->LossSum(pass.saved));
  }
  if (action.kind == ActionKind::kBackward ||
      action.kind == ActionKind::kBackwardWeight) {
    FinishBackward(local, index);
  }
  return absl::OkStatus();
}

absl::Status StepExecutor::Compute(const Action& action, LocalStage& local,
                                   const StagePass& pass) {
  switch (action.kind) {
    case ActionKind::kForward:
    case ActionKind::kRecompute:
      return local.stage->Forward(pass);
    case ActionKind::kBackward:
      return local.stage->Backward(pass);
    case ActionKind::kBackwardInput:
      return local.stage->BackwardInput(pass);
    default:
      return local.stage->BackwardWeight(pass);
  }
}

absl::Status StepExecutor::PrepareForward(LocalStage& local, int index,
                                          StagePass& pass) {
  StageMemory& memory = *local.memory;
  const int stage = memory.stage;
  ASSIGN_OR_RETURN(pass.saved, memory.activations.Acquire(index));
  if (!IsFirstStage(plan_, stage)) {
    ASSIGN_OR_RETURN(
        pass.input,
        Receive(memory.inputs, stage - 1,
                Key(pass.step, /*gradient=*/false, stage - 1, index), index));
  }
  if (IsLastStage(plan_, stage)) return absl::OkStatus();
  if (IsLocal(stage + 1)) {
    ASSIGN_OR_RETURN(pass.output,
                     Local(stage + 1).memory->inputs.Acquire(index));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(pass.output,
                   AcquireOutgoing(memory.outputs, pass.step, stage,
                                   /*gradient=*/false, index));
  return absl::OkStatus();
}

absl::Status StepExecutor::PrepareInputGradient(LocalStage& local, int index,
                                                StagePass& pass,
                                                bool deferred) {
  StageMemory& memory = *local.memory;
  const int stage = memory.stage;
  if (deferred) {
    ASSIGN_OR_RETURN(pass.deferred, memory.deferred.Acquire(index));
  }
  if (!IsLastStage(plan_, stage)) {
    ASSIGN_OR_RETURN(
        pass.output_gradient,
        Receive(memory.output_gradients, stage + 1,
                Key(pass.step, /*gradient=*/true, stage + 1, index), index));
  }
  if (IsFirstStage(plan_, stage)) return absl::OkStatus();
  if (IsLocal(stage - 1)) {
    ASSIGN_OR_RETURN(pass.input_gradient,
                     Local(stage - 1).memory->output_gradients.Acquire(index));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(pass.input_gradient,
                   AcquireOutgoing(memory.input_gradients, pass.step, stage,
                                   /*gradient=*/true, index));
  return absl::OkStatus();
}

void StepExecutor::FinishBackward(LocalStage& local, int index) {
  local.memory->activations.Release(index);
  local.memory->inputs.Release(index);
  local.memory->output_gradients.Release(index);
  local.memory->deferred.Release(index);
}

// The tensor that a pass waits for: posted before, or written here by a stage
// of the same rank.
absl::StatusOr<const std::byte*> StepExecutor::Receive(BufferPool& pool,
                                                       int producer,
                                                       MessageKey key,
                                                       int index) {
  const std::byte* buffer = pool.Find(index);
  if (buffer == nullptr) {
    return absl::InternalError("the program has not posted its receive");
  }
  if (IsLocal(producer)) return buffer;
  RETURN_IF_ERROR(link_.WaitReceived(PeerOf(producer), key, Deadline()));
  return buffer;
}

// Of the tensor that `stage` makes: its output or its input's gradient.
MessageKey StepExecutor::Key(int64_t step, bool gradient, int stage,
                             int index) const {
  if (!gradient && speculation_.has_value()) {
    return speculation_->ActivationKey(step, stage, index);
  }
  return MakeKey(step,
                 gradient ? MessageKind::kGradient : MessageKind::kActivation,
                 stage, index);
}

// A buffer to send from; when all are on their way, the oldest one's as soon as
// it has left.
absl::StatusOr<std::byte*> StepExecutor::AcquireOutgoing(
    BufferPool& pool, int64_t step, int stage, bool gradient, int index) {
  if (!pool.HasFree() && pool.Oldest() >= 0) {
    const int oldest = pool.Oldest();
    RETURN_IF_ERROR(link_.WaitSent(PeerOf(gradient ? stage - 1 : stage + 1),
                                   Key(step, gradient, stage, oldest),
                                   Deadline()));
    pool.Release(oldest);
  }
  return pool.Acquire(index);
}

absl::Status StepExecutor::Send(int64_t step, const Action& action) {
  StageMemory& memory = *Local(action.stage).memory;
  const bool gradient = action.kind == ActionKind::kSendBackward;
  const BufferPool& pool = gradient ? memory.input_gradients : memory.outputs;
  const std::byte* buffer = pool.Find(IndexOf(action));
  if (buffer == nullptr) {
    return absl::InternalError("the program sends what was not computed");
  }
  const int64_t bytes =
      gradient ? memory.sizes.boundary_in : memory.sizes.boundary_out;
  return link_.Send(PeerOf(gradient ? action.stage - 1 : action.stage + 1),
                    Key(step, gradient, action.stage, IndexOf(action)),
                    {buffer, static_cast<size_t>(bytes)});
}

absl::Status StepExecutor::PostReceive(int64_t step, const Action& action) {
  StageMemory& memory = *Local(action.stage).memory;
  const bool gradient = action.kind == ActionKind::kReceiveBackward;
  const int producer = gradient ? action.stage + 1 : action.stage - 1;
  const int64_t bytes =
      gradient ? memory.sizes.boundary_out : memory.sizes.boundary_in;
  BufferPool& pool = gradient ? memory.output_gradients : memory.inputs;
  ASSIGN_OR_RETURN(std::byte * buffer, pool.Acquire(IndexOf(action)));
  return link_.PostReceive(PeerOf(producer),
                           Key(step, gradient, producer, IndexOf(action)),
                           {buffer, static_cast<size_t>(bytes)});
}

// Every buffer must be free again when the next step begins.
absl::Status StepExecutor::FinishSends(int64_t step) {
  for (LocalStage& local : stages_) {
    const int stage = local.memory->stage;
    for (const bool gradient : {false, true}) {
      BufferPool& pool =
          gradient ? local.memory->input_gradients : local.memory->outputs;
      for (int oldest = pool.Oldest(); oldest >= 0; oldest = pool.Oldest()) {
        RETURN_IF_ERROR(link_.WaitSent(PeerOf(gradient ? stage - 1 : stage + 1),
                                       Key(step, gradient, stage, oldest),
                                       Deadline()));
        pool.Release(oldest);
      }
    }
  }
  return absl::OkStatus();
}

int StepExecutor::IndexOf(const Action& action) const {
  if (action.piece < 0) return action.microbatch;
  return action.microbatch * plan_.pieces + action.piece;
}

StepExecutor::LocalStage& StepExecutor::Local(int stage) {
  for (LocalStage& local : stages_) {
    if (local.memory->stage == stage) return local;
  }
  PENSTOCK_CHECK(!"the plan was verified: a rank runs its own stages only");
  return stages_.front();
}

bool StepExecutor::IsLocal(int stage) const {
  return plan_.stages[stage].rank == assignment_.rank;
}

int StepExecutor::PeerOf(int stage) const {
  return penstock::PeerOf(plan_, assignment_.replica, plan_.stages[stage].rank);
}

absl::Time StepExecutor::Deadline() const { return SteadyNow() + wait_max_; }

}  // namespace penstock
