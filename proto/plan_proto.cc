#include "proto/plan_proto.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "proto/architecture_proto.h"
#include "proto/base/status_macros.h"
#include "proto/job_spec_proto.h"
#include "proto/link_plan_proto.h"

namespace penstock {
namespace {

constexpr int64_t kSecondsMax = int64_t{1} << 40;
// So that a forecast's total cannot overflow.
constexpr int64_t kBytesMax = int64_t{1} << 59;
constexpr size_t kPathSizeMax = 4096;

absl::Status Refusal(std::string_view field, std::string_view value,
                     std::string_view accepted) {
  return absl::InvalidArgumentError(
      fmt::format("{}: {}: {}", field, value, accepted));
}

absl::Status CheckRange(std::string_view field, int64_t value, int64_t least,
                        int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Refusal(field, fmt::to_string(value),
                 fmt::format("must be {} to {}", least, most));
}

absl::Status CheckPath(std::string_view field, const std::string& path) {
  if (path.size() <= kPathSizeMax && path.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return Refusal(field, fmt::format("{} bytes", path.size()),
                 fmt::format("must be a path of at most {} bytes without NUL",
                             kPathSizeMax));
}

google::protobuf::Duration DurationToProto(absl::Duration duration) {
  google::protobuf::Duration message;
  message.set_seconds(
      absl::IDivDuration(duration, absl::Seconds(1), &duration));
  message.set_nanos(static_cast<int32_t>(
      absl::IDivDuration(duration, absl::Nanoseconds(1), &duration)));
  return message;
}

absl::StatusOr<absl::Duration> DurationFromProto(
    std::string_view field, const google::protobuf::Duration& message) {
  if (message.seconds() < 0 || message.seconds() > kSecondsMax ||
      message.nanos() < 0 || message.nanos() >= 1'000'000'000) {
    return Refusal(
        field, fmt::format("{} s {} ns", message.seconds(), message.nanos()),
        "must be a time that is not negative");
  }
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

// What the units [begin, end) are, for people.
std::string Describe(const ModelSpec& model, int64_t begin, int64_t end) {
  const auto range = [](std::string_view word, int64_t first, int64_t last) {
    if (first == last) return fmt::format("{} {}", word, first);
    return fmt::format("{}s {}-{}", word, first, last);
  };
  if (std::holds_alternative<SimModel>(model.architecture)) {
    return range("layer", begin, end - 1);
  }
  const int64_t blocks = UnitCount(model) - 2;
  const int64_t first = std::max<int64_t>(begin, 1) - 1;
  const int64_t last = std::min(end, blocks + 1) - 2;
  std::string text = begin == 0 ? "embedding" : "";
  if (first <= last) {
    text += (text.empty() ? "" : ", ") + range("block", first, last);
  }
  if (end == blocks + 2) text += text.empty() ? "head" : ", head";
  return text;
}

v1::MemoryForecast MemoryToProto(const MemoryForecast& memory) {
  v1::MemoryForecast message;
  message.set_weights(memory.weights);
  message.set_gradients(memory.gradients);
  message.set_optimizer(memory.optimizer);
  message.set_activations(memory.activations);
  message.set_buffers(memory.buffers);
  message.set_workspace(memory.workspace);
  message.set_checkpoint(memory.checkpoint);
  message.set_process(memory.process);
  message.set_total(memory.total());
  return message;
}

absl::StatusOr<MemoryForecast> MemoryFromProto(
    std::string_view field, const v1::MemoryForecast& message) {
  const MemoryForecast memory{.weights = message.weights(),
                              .gradients = message.gradients(),
                              .optimizer = message.optimizer(),
                              .activations = message.activations(),
                              .buffers = message.buffers(),
                              .workspace = message.workspace(),
                              .checkpoint = message.checkpoint(),
                              .process = message.process()};
  for (const int64_t bytes :
       {memory.weights, memory.gradients, memory.optimizer, memory.activations,
        memory.buffers, memory.workspace, memory.checkpoint, memory.process}) {
    RETURN_IF_ERROR(CheckRange(field, bytes, 0, kBytesMax));
  }
  return memory;
}

v1::StageBuffers BuffersToProto(const StageBuffers& buffers) {
  v1::StageBuffers message;
  message.set_stage(buffers.stage);
  message.set_activations(buffers.activations);
  message.set_inputs(buffers.inputs);
  message.set_outputs(buffers.outputs);
  message.set_output_gradients(buffers.output_gradients);
  message.set_input_gradients(buffers.input_gradients);
  message.set_deferred(buffers.deferred);
  message.set_versions(buffers.versions);
  message.set_whole_backward(buffers.whole_backward);
  return message;
}

// Checks and converts one plan; `spec_` says what sizes it must have.
class PlanReader {
 public:
  PlanReader(const v1::Plan& message, JobSpec spec)
      : message_(message), plan_{.spec = std::move(spec)} {}

  absl::StatusOr<Plan> Read() && {
    RETURN_IF_ERROR(Validate(plan_.spec));
    if (!HasArchitecture(plan_.spec.model)) {
      return absl::InvalidArgumentError(
          "architecture: not set: must be what config.json of model.init_from "
          "says");
    }
    RETURN_IF_ERROR(ReadShape());
    RETURN_IF_ERROR(ReadStages());
    RETURN_IF_ERROR(ReadRanks());
    RETURN_IF_ERROR(LinksFromProto(message_, plan_));
    if (!(message_.bubble_fraction() >= 0 && message_.bubble_fraction() <= 1)) {
      return Refusal("plan.bubble_fraction",
                     fmt::to_string(message_.bubble_fraction()),
                     "must be in [0, 1]");
    }
    plan_.bubble_fraction = message_.bubble_fraction();
    plan_.schedule = message_.schedule();
    plan_.schedule_reason = message_.schedule_reason();
    plan_.revision = message_.revision();
    ASSIGN_OR_RETURN(plan_.step_time,
                     DurationFromProto("plan.step_time", message_.step_time()));
    return std::move(plan_);
  }

 private:
  int64_t rank_count() const { return plan_.spec.parallelism.pipeline; }

  // 0 is what a plan of before these fields says.
  absl::Status ReadShape() {
    RETURN_IF_ERROR(CheckRange("plan.copies", message_.copies(), 0, 2));
    RETURN_IF_ERROR(CheckRange("plan.pieces", message_.pieces(), 0, 127));
    plan_.copies = std::max(message_.copies(), 1);
    plan_.pieces = std::max(message_.pieces(), 1);
    if (plan_.spec.batch.micro_batches % plan_.copies == 0) {
      return absl::OkStatus();
    }
    return Refusal("plan.copies", fmt::to_string(plan_.copies),
                   "must divide batch.micro_batches");
  }

  absl::Status ReadStages() {
    const int64_t units = UnitCount(plan_.spec.model);
    RETURN_IF_ERROR(CheckRange("plan.stages", message_.stages_size(),
                               rank_count(), units * plan_.copies));
    if (message_.stages_size() % plan_.copies != 0) {
      return Refusal("plan.stages", fmt::to_string(message_.stages_size()),
                     "must be as many of every copy of the model");
    }
    const int per_copy = message_.stages_size() / plan_.copies;
    int64_t unit = 0;
    for (int i = 0; i < message_.stages_size(); ++i) {
      if (i % per_copy == 0 && unit == units) unit = 0;
      const v1::StagePlan& stage = message_.stages(i);
      const std::string field = fmt::format("plan.stages[{}]", i);
      RETURN_IF_ERROR(
          CheckRange(field + ".unit_begin", stage.unit_begin(), unit, unit));
      RETURN_IF_ERROR(
          CheckRange(field + ".unit_end", stage.unit_end(), unit + 1, units));
      RETURN_IF_ERROR(
          CheckRange(field + ".rank", stage.rank(), 0, rank_count() - 1));
      unit = stage.unit_end();
      plan_.stages.push_back({.unit_begin = stage.unit_begin(),
                              .unit_end = stage.unit_end(),
                              .rank = stage.rank()});
      RETURN_IF_ERROR(ReadTimes(field, stage, plan_.stages.back()));
    }
    return CheckRange(
        fmt::format("plan.stages[{}].unit_end", message_.stages_size() - 1),
        unit, units, units);
  }

  static absl::Status ReadTimes(const std::string& field,
                                const v1::StagePlan& message,
                                StagePlan& stage) {
    ASSIGN_OR_RETURN(stage.forward,
                     DurationFromProto(field + ".forward", message.forward()));
    ASSIGN_OR_RETURN(
        stage.input_gradient,
        DurationFromProto(field + ".input_gradient", message.input_gradient()));
    ASSIGN_OR_RETURN(
        stage.hop_latency,
        DurationFromProto(field + ".hop_latency", message.hop_latency()));
    ASSIGN_OR_RETURN(
        stage.hop_occupancy,
        DurationFromProto(field + ".hop_occupancy", message.hop_occupancy()));
    ASSIGN_OR_RETURN(stage.weight_gradient,
                     DurationFromProto(field + ".weight_gradient",
                                       message.weight_gradient()));
    return absl::OkStatus();
  }

  absl::Status ReadRanks() {
    RETURN_IF_ERROR(CheckRange("plan.ranks", message_.ranks_size(),
                               rank_count(), rank_count()));
    std::vector<int64_t> stages_of_rank(rank_count());
    for (const StagePlan& stage : plan_.stages) ++stages_of_rank[stage.rank];
    for (int64_t rank = 0; rank < rank_count(); ++rank) {
      if (stages_of_rank[rank] > 0) continue;
      return Refusal(fmt::format("plan.ranks[{}]", rank), "no stage",
                     "every rank must have one");
    }
    for (int rank = 0; rank < message_.ranks_size(); ++rank) {
      const v1::RankPlan& message = message_.ranks(rank);
      const std::string field = fmt::format("plan.ranks[{}]", rank);
      RankPlan& plan = plan_.ranks.emplace_back();
      RETURN_IF_ERROR(Annotate(
          ReadProgram(rank, stages_of_rank[rank], message.program(), plan),
          field + ".program"));
      RETURN_IF_ERROR(
          ReadBuffers(field, rank, stages_of_rank[rank], message, plan));
      ASSIGN_OR_RETURN(plan.memory,
                       MemoryFromProto(field + ".memory", message.memory()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadProgram(int rank, int64_t stages, const std::string& text,
                           RankPlan& plan) const {
    ASSIGN_OR_RETURN(plan.program, ParseProgram(text));
    // Each stage has at most F, R, I, W, UPDATE and four transfers per piece of
    // a micro-batch, and three reductions.
    const int64_t actions_max =
        stages * (9 * plan_.spec.batch.micro_batches * plan_.pieces + 3) + 1;
    RETURN_IF_ERROR(CheckRange(
        "actions", static_cast<int64_t>(plan.program.size()), 1, actions_max));
    for (const Action& action : plan.program) {
      if (action.kind == ActionKind::kOptimizer) continue;
      if (!IsStageOf(rank, action.stage)) {
        return Refusal(ToString(action), "its stage",
                       fmt::format("must be one of rank {}'s", rank));
      }
      if (action.piece >= plan_.pieces) {
        return Refusal(ToString(action), "its piece",
                       fmt::format("must be below {}", plan_.pieces));
      }
      if (action.kind != ActionKind::kUpdate &&
          action.microbatch >= plan_.spec.batch.micro_batches) {
        return Refusal(
            ToString(action), "its micro-batch",
            fmt::format("must be below {}", plan_.spec.batch.micro_batches));
      }
    }
    return absl::OkStatus();
  }

  bool IsStageOf(int rank, int64_t stage) const {
    return stage >= 0 && stage < static_cast<int64_t>(plan_.stages.size()) &&
           plan_.stages[stage].rank == rank;
  }

  absl::Status ReadBuffers(const std::string& field, int rank, int64_t stages,
                           const v1::RankPlan& message, RankPlan& plan) const {
    RETURN_IF_ERROR(
        CheckRange(field + ".buffers", message.buffers_size(), stages, stages));
    int stage_least = 0;  // In the order of the stages, so each is there once.
    for (const v1::StageBuffers& buffers : message.buffers()) {
      if (buffers.stage() < stage_least || !IsStageOf(rank, buffers.stage())) {
        return Refusal(field + ".buffers.stage",
                       fmt::to_string(buffers.stage()),
                       "must be each stage of the rank, in order");
      }
      stage_least = buffers.stage() + 1;
      plan.buffers.push_back({.stage = buffers.stage(),
                              .activations = buffers.activations(),
                              .inputs = buffers.inputs(),
                              .outputs = buffers.outputs(),
                              .output_gradients = buffers.output_gradients(),
                              .input_gradients = buffers.input_gradients(),
                              .deferred = buffers.deferred(),
                              .whole_backward = buffers.whole_backward(),
                              .versions = buffers.versions()});
      for (const int count : {buffers.activations(), buffers.inputs(),
                              buffers.outputs(), buffers.output_gradients(),
                              buffers.input_gradients(), buffers.deferred()}) {
        RETURN_IF_ERROR(
            CheckRange(field + ".buffers", count, 0,
                       plan_.spec.batch.micro_batches * plan_.pieces));
      }
      RETURN_IF_ERROR(CheckRange(field + ".buffers.versions",
                                 buffers.versions(), 1,
                                 plan_.spec.batch.micro_batches + 1));
    }
    return absl::OkStatus();
  }

  const v1::Plan& message_;
  Plan plan_;
};

}  // namespace

v1::Plan PlanToProto(const Plan& plan) {
  v1::Plan message;
  for (const StagePlan& stage : plan.stages) {
    v1::StagePlan& out = *message.add_stages();
    out.set_unit_begin(stage.unit_begin);
    out.set_unit_end(stage.unit_end);
    out.set_rank(stage.rank);
    *out.mutable_forward() = DurationToProto(stage.forward);
    *out.mutable_input_gradient() = DurationToProto(stage.input_gradient);
    *out.mutable_weight_gradient() = DurationToProto(stage.weight_gradient);
    if (stage.hop_latency + stage.hop_occupancy > absl::ZeroDuration()) {
      *out.mutable_hop_latency() = DurationToProto(stage.hop_latency);
      *out.mutable_hop_occupancy() = DurationToProto(stage.hop_occupancy);
    }
    out.set_description(
        Describe(plan.spec.model, stage.unit_begin, stage.unit_end));
  }
  for (const RankPlan& rank : plan.ranks) {
    v1::RankPlan& out = *message.add_ranks();
    out.set_program(ToString(rank.program));
    for (const StageBuffers& buffers : rank.buffers) {
      *out.add_buffers() = BuffersToProto(buffers);
    }
    *out.mutable_memory() = MemoryToProto(rank.memory);
  }
  LinksToProto(plan, message);
  message.set_bubble_fraction(plan.bubble_fraction);
  *message.mutable_step_time() = DurationToProto(plan.step_time);
  if (plan.step_time > absl::ZeroDuration()) {
    message.set_tokens_per_second(
        static_cast<double>(TokensPerMicroBatch(plan.spec)) *
        static_cast<double>(plan.spec.batch.micro_batches) *
        static_cast<double>(plan.spec.parallelism.data) /
        absl::ToDoubleSeconds(plan.step_time));
  }
  message.set_schedule(plan.schedule);
  message.set_schedule_reason(plan.schedule_reason);
  message.set_replicas(static_cast<int32_t>(plan.spec.parallelism.data));
  message.set_copies(plan.copies);
  message.set_pieces(plan.pieces);
  message.set_revision(plan.revision);
  return message;
}

internal::v1::Plan PlanToInternalProto(const Plan& plan) {
  internal::v1::Plan message;
  *message.mutable_spec() = JobSpecToProto(plan.spec);
  *message.mutable_plan() = PlanToProto(plan);
  if (!plan.spec.model.init_from.empty()) {
    SetArchitecture(std::get<Architecture>(plan.spec.model.architecture),
                    message);
  }
  message.set_start_step(plan.start.step);
  message.set_start_checkpoint(plan.start.checkpoint);
  message.set_checkpoint_directory(plan.checkpoint_directory);
  return message;
}

absl::StatusOr<Plan> PlanFromProto(const v1::Plan& message, JobSpec spec) {
  return PlanReader(message, std::move(spec)).Read();
}

absl::StatusOr<Plan> PlanFromProto(const internal::v1::Plan& message) {
  ASSIGN_OR_RETURN(JobSpec spec, JobSpecFromProto(message.spec()));
  if (const auto model = ArchitectureIn(message);
      model && !spec.model.init_from.empty()) {
    spec.model.architecture = *model;
  }
  ASSIGN_OR_RETURN(Plan plan, PlanFromProto(message.plan(), std::move(spec)));
  RETURN_IF_ERROR(
      CheckRange("start_step", message.start_step(), 0, plan.spec.steps));
  RETURN_IF_ERROR(CheckPath("start_checkpoint", message.start_checkpoint()));
  RETURN_IF_ERROR(
      CheckPath("checkpoint_directory", message.checkpoint_directory()));
  plan.start = {.step = message.start_step(),
                .checkpoint = message.start_checkpoint()};
  plan.checkpoint_directory = message.checkpoint_directory();
  return plan;
}

internal::v1::Assignment AssignmentToProto(const Assignment& assignment) {
  internal::v1::Assignment message;
  message.set_job(assignment.job);
  message.set_epoch(assignment.epoch);
  message.set_replica(assignment.replica);
  message.set_rank(assignment.rank);
  return message;
}

absl::StatusOr<Assignment> AssignmentFromProto(
    const internal::v1::Assignment& message) {
  if (message.job().empty()) {
    return Refusal("assignment.job", "\"\"", "must be the name of a job");
  }
  if (message.epoch() == 0) {
    return Refusal("assignment.epoch", "0", "epochs count from 1");
  }
  RETURN_IF_ERROR(
      CheckRange("assignment.replica", message.replica(), 0, INT32_MAX));
  RETURN_IF_ERROR(CheckRange("assignment.rank", message.rank(), 0, INT32_MAX));
  return Assignment{.job = message.job(),
                    .epoch = message.epoch(),
                    .replica = message.replica(),
                    .rank = message.rank()};
}

v1::StepMetrics StepMetricsToProto(const StepMetrics& metrics) {
  v1::StepMetrics message;
  message.set_step(metrics.step);
  message.set_loss(metrics.loss);
  message.set_grad_norm(metrics.grad_norm);
  message.set_tokens_per_second(metrics.tokens_per_second);
  message.set_bubble_fraction_measured(metrics.bubble_fraction_measured);
  message.set_bubble_fraction_predicted(metrics.bubble_fraction_predicted);
  message.set_step_seconds(metrics.step_seconds);
  message.set_step_seconds_predicted(metrics.step_seconds_predicted);
  message.set_prediction_error(PredictionError(metrics));
  message.set_plan_revision(metrics.plan_revision);
  return message;
}

absl::StatusOr<StepMetrics> StepMetricsFromProto(
    const v1::StepMetrics& message) {
  RETURN_IF_ERROR(CheckRange("metrics.step", message.step(), 1, INT64_MAX));
  return StepMetrics{
      .step = message.step(),
      .loss = message.loss(),
      .grad_norm = message.grad_norm(),
      .tokens_per_second = message.tokens_per_second(),
      .bubble_fraction_measured = message.bubble_fraction_measured(),
      .bubble_fraction_predicted = message.bubble_fraction_predicted(),
      .step_seconds = message.step_seconds(),
      .step_seconds_predicted = message.step_seconds_predicted(),
      .plan_revision = message.plan_revision()};
}

v1::StepTrace StepTraceToProto(const StepTrace& trace) {
  v1::StepTrace message;
  message.set_step(trace.step);
  message.set_replica(trace.replica);
  message.set_rank(trace.rank);
  message.set_revision(trace.revision);
  message.set_start_us(trace.start_us);
  message.mutable_begin_us()->Assign(trace.begin_us.begin(),
                                     trace.begin_us.end());
  message.mutable_end_us()->Assign(trace.end_us.begin(), trace.end_us.end());
  return message;
}

absl::StatusOr<StepTrace> StepTraceFromProto(const v1::StepTrace& message) {
  RETURN_IF_ERROR(CheckRange("trace.step", message.step(), 1, INT64_MAX));
  RETURN_IF_ERROR(CheckRange("trace.replica", message.replica(), 0, INT32_MAX));
  RETURN_IF_ERROR(CheckRange("trace.rank", message.rank(), 0, INT32_MAX));
  RETURN_IF_ERROR(CheckRange("trace.end_us", message.end_us_size(),
                             message.begin_us_size(), message.begin_us_size()));
  for (int i = 0; i < message.begin_us_size(); ++i) {
    RETURN_IF_ERROR(CheckRange(fmt::format("trace.end_us[{}]", i),
                               message.end_us(i), message.begin_us(i),
                               UINT32_MAX));
  }
  return StepTrace{
      .step = message.step(),
      .replica = message.replica(),
      .rank = message.rank(),
      .revision = message.revision(),
      .start_us = message.start_us(),
      .begin_us = {message.begin_us().begin(), message.begin_us().end()},
      .end_us = {message.end_us().begin(), message.end_us().end()}};
}

}  // namespace penstock
