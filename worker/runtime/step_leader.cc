#include "worker/runtime/step_leader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/file/checkpoint_metrics.h"
#include "worker/runtime/peers.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {
namespace {

// PyTorch's clip_grad_norm_ adds it, and so do the figures we are held against.
constexpr double kClipEpsilon = 1e-6;

double TokensPerStep(const JobSpec& spec) {
  return static_cast<double>(TokensPerMicroBatch(spec) *
                             spec.batch.micro_batches * spec.parallelism.data);
}

// Replica by replica and, in each, copy by copy of the model, so that a
// bidirectional pipeline adds up as two replicas do.
double LossSum(const Plan& plan, const std::vector<StepReport>& reports) {
  double sum = 0;
  for (int64_t replica = 0; replica < plan.spec.parallelism.data; ++replica) {
    for (int copy = 1; copy <= plan.copies; ++copy) {
      const StagePlan& last = plan.stages[copy * StagesPerCopy(plan) - 1];
      sum +=
          reports[PeerOf(plan, static_cast<int>(replica), last.rank)].loss_sum;
    }
  }
  return sum;
}

}  // namespace

StepLeader::StepLeader(const Plan& plan, Disk& disk, Options options)
    : plan_(plan),
      options_(std::move(options)),
      metrics_(kCheckpointMetricsMax),
      collector_(plan, options_.epoch, options_.cursor, metrics_, disk),
      last_step_(plan.spec.steps) {}

void StepLeader::Begin() {
  for (const StepMetrics& metrics : options_.earlier) Publish(metrics);
  last_decision_ = SteadyNow();
}

void StepLeader::Publish(const StepMetrics& metrics) {
  metrics_.Add(metrics);
  options_.events.on_metrics(metrics);
}

absl::StatusOr<StepDecision> StepLeader::Decide(
    int64_t step, const std::vector<StepReport>& reports) {
  StepDecision decision{.loss = LossSum(plan_, reports),
                        .revision = reports[0].revision};
  for (const StepReport& report : reports) {
    decision.revision = std::min(decision.revision, report.revision);
  }
  RETURN_IF_ERROR(CollectShards(reports));
  NoteCheckpoints(collector_.Poll());
  decision.loss /= TokensPerStep(plan_.spec);
  decision.grad_norm = GlobalNorm(reports);
  if (!std::isfinite(decision.loss) || !std::isfinite(decision.grad_norm)) {
    return absl::OutOfRangeError(fmt::format(
        "training diverged in step {}: loss {}, gradient norm {}; lower "
        "optimizer.adamw.learning_rate, or resume from an earlier checkpoint",
        step, decision.loss, decision.grad_norm));
  }
  const double clip_norm = plan_.spec.optimizer.clip_norm;
  if (clip_norm > 0) {
    decision.clip_factor =
        std::min(1.0, clip_norm / (decision.grad_norm + kClipEpsilon));
  }
  PublishMetrics(step, decision, reports);
  const int64_t every = plan_.spec.checkpoint.every_steps;
  if (pause_) {
    const int64_t begun = plan_.spec.parallelism.optimistic_update ? 1 : 0;
    last_step_ = std::min(last_step_, step + begun);
  }
  decision.last_step = last_step_;
  decision.checkpoint =
      TrainedModelOf(plan_) != nullptr &&
      (step == last_step_ || (every > 0 && step % every == 0));
  return decision;
}

// Adds up in model order, so that the root has the same bits at every width.
double StepLeader::GlobalNorm(const std::vector<StepReport>& reports) const {
  std::map<int64_t, double> by_parameter;
  for (size_t rank = 0; rank < options_.counted.size(); ++rank) {
    const std::vector<int64_t>& counted = options_.counted[rank];
    for (size_t i = 0; i < counted.size(); ++i) {
      by_parameter[counted[i]] = reports[rank].norms_squared[i];
    }
  }
  double sum = 0;
  for (const auto& [index, norm_squared] : by_parameter) sum += norm_squared;
  return std::sqrt(sum);
}

absl::Status StepLeader::CollectShards(const std::vector<StepReport>& reports) {
  for (const StepReport& report : reports) {
    if (!report.shard.has_value()) continue;
    RETURN_IF_ERROR(collector_.Add(*report.shard, Deadline()));
  }
  return absl::OkStatus();
}

void StepLeader::NoteCheckpoints(const std::vector<CommitResult>& results) {
  for (const CommitResult& result : results) {
    checkpoint_status_ = result.path.status();
    if (!result.path.ok()) {
      options_.events.on_log(
          "warn",
          fmt::format("checkpoint of step {} was not made: {}", result.step,
                      std::string(checkpoint_status_.message())));
      continue;
    }
    checkpoint_step_ = result.step;
    options_.events.on_log(
        "info", fmt::format("checkpoint complete: {}", *result.path));
    options_.on_checkpoint(*result.path, result.step);
  }
}

void StepLeader::PublishMetrics(int64_t step, const StepDecision& decision,
                                const std::vector<StepReport>& reports) {
  const absl::Time now = SteadyNow();
  const double seconds = absl::ToDoubleSeconds(now - last_decision_);
  last_decision_ = now;
  double busy_seconds = 0;
  for (const StepReport& report : reports) busy_seconds += report.busy_seconds;
  Publish({.step = step,
           .loss = decision.loss,
           .grad_norm = decision.grad_norm,
           .tokens_per_second = TokensPerStep(plan_.spec) / seconds,
           .bubble_fraction_measured = std::max(
               0.0, 1 - busy_seconds /
                            (seconds * static_cast<double>(reports.size()))),
           .bubble_fraction_predicted = plan_.bubble_fraction,
           .step_seconds = seconds,
           .step_seconds_predicted = absl::ToDoubleSeconds(plan_.step_time),
           .plan_revision = plan_.revision});
}

// The others wait for the decision meanwhile; half of their time, so that this
// error is the one that is reported.
absl::Status StepLeader::CheckLastCheckpoint(int64_t step) {
  ASSIGN_OR_RETURN(const std::vector<CommitResult> results,
                   collector_.Wait(SteadyNow() + options_.wait_max / 2));
  NoteCheckpoints(results);
  RETURN_IF_ERROR(Annotate(checkpoint_status_, "the last checkpoint"));
  if (TrainedModelOf(plan_) == nullptr || step == plan_.start.step ||
      checkpoint_step_ == step) {
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format(
      "no checkpoint of the last step, {}, was made: shards are missing",
      step));
}

absl::Time StepLeader::Deadline() const {
  return SteadyNow() + options_.wait_max;
}

}  // namespace penstock
