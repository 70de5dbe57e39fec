#include "tests/gpu/step_profile.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "tests/gpu/fitting.h"
#include "tests/gpu/idle_backend.h"
#include "tests/gpu/random_job.h"
#include "worker/link/local_link.h"
#include "worker/model/init.h"
#include "worker/runtime/rank_memory.h"
#include "worker/runtime/rank_stages.h"
#include "worker/runtime/sample_reader.h"
#include "worker/runtime/step_executor.h"
#include "worker/runtime/weights.h"

namespace penstock::gpu {
namespace {

constexpr int kWarmupSteps = 2;
constexpr int kPlainSteps = 3;
constexpr int kTimedSteps = 3;
constexpr int kSteps = kWarmupSteps + kPlainSteps + kTimedSteps;
constexpr absl::Duration kWaitMax = absl::Minutes(10);

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What comes behind the number of the block, if any, without "weight".
std::string ShortName(std::string_view parameter) {
  parameter.remove_suffix(std::string_view(".weight").size());
  const size_t digit = parameter.find_last_of("0123456789");
  const size_t begin =
      digit == std::string_view::npos ? parameter.rfind('.') : digit + 1;
  return std::string(begin == std::string_view::npos
                         ? parameter
                         : parameter.substr(begin + 1));
}

// The one rank of a plan, without anybody around it.
class LoneRank {
 public:
  // Both must outlive it.
  LoneRank(const Plan& plan, Backend& backend)
      : plan_(plan), backend_(backend), counting_(backend) {}

  // `fill`: the weights get values; else they are what the memory holds.
  absl::Status Prepare(const std::string& root, bool fill) {
    ASSIGN_OR_RETURN(const AllowedRoots roots, AllowedRoots::Create({root}));
    ASSIGN_OR_RETURN(memory_, PlanRankMemory(counting_, plan_, /*rank=*/0));
    if (fill) RETURN_IF_ERROR(FillWeights());
    ASSIGN_OR_RETURN(data_,
                     SampleReader::Open(plan_, /*replica=*/0,
                                        DataCursor::Of(plan_, 0), roots));
    NameWeights();
    ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Stage>> stages,
                     MakeRankStages(plan_, memory_, counting_, data_.get(),
                                    /*versions=*/nullptr));
    executor_ = std::make_unique<StepExecutor>(
        plan_, Assignment{}, memory_, std::move(stages), *link_, kWaitMax,
        Hooks(), StepListener{});
    return absl::OkStatus();
  }

  // Makes the next step and gives the seconds that it took.
  absl::StatusOr<double> Step(CountingBackend::Mode mode) {
    RETURN_IF_ERROR(counting_.Begin(mode));
    const absl::Time begin = SteadyNow();
    RETURN_IF_ERROR(executor_->Run(++step_));
    RETURN_IF_ERROR(backend_.Synchronize());
    return absl::ToDoubleSeconds(SteadyNow() - begin);
  }

  // In memory that holds nothing between two steps.
  absl::StatusOr<double> CallSeconds() {
    constexpr int kCalls = 101;
    std::vector<double> seconds;
    for (int i = 0; i < kCalls; ++i) {
      const absl::Time begin = SteadyNow();
      RETURN_IF_ERROR(backend_.Zero(memory_.stages[0].workspace, 4));
      RETURN_IF_ERROR(backend_.Synchronize());
      seconds.push_back(absl::ToDoubleSeconds(SteadyNow() - begin));
    }
    return Median(seconds);
  }

  const std::map<Call, CallCount>& calls() const { return counting_.calls(); }

 private:
  // As LoadWeights does, but the values of all matrices repeat: nobody looks at
  // what is learned, and a host is longer about drawing billions than a device
  // about its steps.
  absl::Status FillWeights() {
    const Parameter drawn{"weight", {1 << 11, 1 << 11}};
    std::vector<float> values(static_cast<size_t>(drawn.count()));
    FillInitialValue(*TrainedModelOf(plan_), drawn, plan_.spec.seed, values);
    for (const ParameterSlot& slot : memory_.parameters) {
      RETURN_IF_ERROR(FillSlot(slot, values));
    }
    return ZeroGradients(backend_, memory_);
  }

  absl::Status FillSlot(const ParameterSlot& slot,
                        const std::vector<float>& matrix) {
    const int64_t count = slot.parameter.count();
    std::vector<float> vector;
    std::span<const float> values = matrix;
    if (slot.parameter.shape.size() == 1) {
      vector.resize(static_cast<size_t>(count));
      FillInitialValue(*TrainedModelOf(plan_), slot.parameter, 0, vector);
      values = vector;
    }
    for (int64_t begin = 0; begin < count; begin += std::ssize(values)) {
      const size_t part = std::min<size_t>(values.size(), count - begin);
      RETURN_IF_ERROR(
          backend_.CopyIn(std::as_bytes(values.first(part)),
                          reinterpret_cast<std::byte*>(slot.weight + begin)));
    }
    for (float* const moment : {slot.first_moment, slot.second_moment}) {
      RETURN_IF_ERROR(
          backend_.Zero(reinterpret_cast<std::byte*>(moment), 4 * count));
    }
    RETURN_IF_ERROR(RoundSlot(slot, backend_));
    return backend_.Synchronize();
  }

  void NameWeights() {
    const Architecture& model = *TrainedModelOf(plan_);
    for (const StageMemory& stage : memory_.stages) {
      int64_t unit = plan_.stages[stage.stage].unit_begin;
      for (const std::vector<LayerWeight>& weights : stage.unit_weights) {
        const std::vector<Parameter> parameters = UnitParameters(model, unit++);
        for (size_t i = 0; i < parameters.size(); ++i) {
          if (parameters[i].shape.size() == 2) {
            Name(parameters[i].name, weights[i]);
          }
        }
      }
    }
  }

  void Name(const std::string& parameter, const LayerWeight& weight) {
    // A Conv1D, which only blocks of a GPT-2 have, is called so.
    const bool conv = parameter.find(".c_") != std::string::npos;
    const CountingBackend::Weight named{.name = ShortName(parameter),
                                        .out_first = !conv};
    counting_.Name(weight.value, named);
    counting_.Name(weight.gradient, named);
    if (weight.rounded != nullptr) counting_.Name(weight.rounded, named);
  }

  StepHooks Hooks() {
    const auto nothing = [](int64_t, int) { return absl::OkStatus(); };
    return {
        .reduce_gradient = nothing,
        .reduce_copy = nothing,
        .reduce_tied = [this](int64_t, int stage) { return ReduceTied(stage); },
        .update =
            [](int64_t, int, int) {
              return absl::InternalError("one stage has no UPDATE");
            },
        .optimize = [this](int64_t step) { return Optimize(step); }};
  }

  absl::Status ReduceTied(int stage) {
    if (memory_.tied.empty() || memory_.tied.front().stage != stage) {
      return absl::OkStatus();
    }
    const TiedGradient& tied = memory_.tied.front();
    return counting_.Accumulate(tied.other, tied.count, tied.gradient);
  }

  absl::Status Optimize(int64_t step) {
    RETURN_IF_ERROR(GradientNormsSquared(counting_, memory_).status());
    return UpdateWeights(plan_.spec, step, /*clip_factor=*/1, counting_,
                         memory_);
  }

  const Plan& plan_;
  Backend& backend_;
  CountingBackend counting_;
  RankMemory memory_;
  std::unique_ptr<SampleReader> data_;
  const std::unique_ptr<Link> link_ = LocalHub::Create(1)->link(0);
  std::unique_ptr<StepExecutor> executor_;
  int64_t step_ = 0;
};

// Of each kind of call, in steps that make the same ones.
void KeepFastest(const std::map<Call, CallCount>& step,
                 std::map<Call, CallCount>& fastest) {
  for (const auto& [call, count] : step) {
    CallCount& kept = fastest.try_emplace(call, count).first->second;
    kept.seconds = std::min(kept.seconds, count.seconds);
  }
}

absl::Status Measure(LoneRank& rank, StepProfile& profile) {
  for (int i = 0; i < kWarmupSteps; ++i) {
    RETURN_IF_ERROR(rank.Step(CountingBackend::Mode::kPass).status());
  }
  std::vector<double> seconds;
  for (int i = 0; i < kPlainSteps; ++i) {
    ASSIGN_OR_RETURN(seconds.emplace_back(),
                     rank.Step(CountingBackend::Mode::kPass));
  }
  profile.step_seconds = Median(seconds);
  ASSIGN_OR_RETURN(profile.call_seconds, rank.CallSeconds());
  for (int i = 0; i < kTimedSteps; ++i) {
    RETURN_IF_ERROR(rank.Step(CountingBackend::Mode::kTime).status());
    KeepFastest(rank.calls(), profile.calls);
  }
  return absl::OkStatus();
}

absl::StatusOr<StepProfile> Profile(const Workload& workload,
                                    const ProfileOptions& options) {
  StepProfile profile{.workload = workload};
  ASSIGN_OR_RETURN(const RandomTokens tokens,
                   RandomTokens::Create(VocabularyOf(workload.model),
                                        (kSteps + 1) * profile.tokens() + 1));
  JobSpec spec = tokens.Spec(workload.name, workload.model);
  spec.precision = options.precision;
  spec.batch = workload.batch;
  spec.steps = kSteps;
  ASSIGN_OR_RETURN(const Plan plan, PlanOf(tokens, spec, options.kind));
  const bool timed = options.make_backend != nullptr;
  absl::StatusOr<std::unique_ptr<Backend>> backend = MakeIdleBackend();
  if (timed) backend = options.make_backend();
  RETURN_IF_ERROR(backend.status());
  LoneRank rank(plan, **backend);
  RETURN_IF_ERROR(rank.Prepare(tokens.directory(), /*fill=*/timed));
  if (timed) {
    RETURN_IF_ERROR(Measure(rank, profile));
  } else {
    RETURN_IF_ERROR(rank.Step(CountingBackend::Mode::kCount).status());
    profile.calls = rank.calls();
  }
  return profile;
}

}  // namespace

absl::StatusOr<StepProfile> ProfileStep(const Workload& workload,
                                        const ProfileOptions& options) {
  return MeasureWhatFits(workload, [&](const Workload& fitting) {
    return Profile(fitting, options);
  });
}

}  // namespace penstock::gpu
