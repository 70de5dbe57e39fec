// PipeDream and 2BW against a plain reference: one process that runs whole
// micro-batches one after the other, and keeps a copy of every version of every
// weight. Losses and final weights have the same bits at every pipeline width.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "proto/file/allowed_roots.h"
#include "tests/numerics/device_buffer.h"
#include "tests/numerics/small_job.h"
#include "worker/checkpoint/weight_source.h"
#include "worker/model/init.h"
#include "worker/model/make_layer.h"
#include "worker/runtime/sample_reader.h"

namespace penstock {
namespace {

constexpr int64_t kSteps = 3;

const Gpt2Config& ConfigOf(const Plan& plan) {
  return std::get<Gpt2Config>(
      std::get<Architecture>(plan.spec.model.architecture));
}

// By (stage, micro-batch): the version that all of its passes name.
std::map<std::pair<int, int>, int> VersionsOf(const Plan& plan) {
  std::map<std::pair<int, int>, int> versions;
  for (const RankPlan& rank : plan.ranks) {
    for (const Action& action : rank.program) {
      if (!IsCompute(action.kind)) continue;
      const auto [entry, first] = versions.try_emplace(
          {action.stage, action.microbatch}, action.version);
      EXPECT_EQ(entry->second, action.version) << ToString(action);
    }
  }
  return versions;
}

class Reference {
 public:
  // `every` micro-batches make an update.
  Reference(const Plan& plan, int64_t every)
      : plan_(plan),
        every_(every),
        rows_(TokensPerMicroBatch(plan.spec)),
        versions_(VersionsOf(plan)) {
    for (const Parameter& parameter : AllParameters(ConfigOf(plan))) {
      std::vector<float> value(parameter.count());
      FillInitialValue(ConfigOf(plan), parameter, plan.spec.seed, value);
      states_.push_back({parameter,
                         DeviceBuffer::Of(*backend_, value),
                         DeviceBuffer::Rounded(*backend_, value),
                         DeviceBuffer::Zeros(*backend_, parameter.count()),
                         DeviceBuffer::Zeros(*backend_, parameter.count()),
                         DeviceBuffer::Zeros(*backend_, parameter.count()),
                         {value}});
    }
    for (int64_t unit = 0; unit < UnitCount(ConfigOf(plan)); ++unit) {
      AddUnit(unit);
    }
  }

  // Makes the micro-batches of a step; returns its loss.
  double Step(int64_t step, SampleReader& data) {
    double loss = 0;
    for (int m = 0; m < plan_.spec.batch.micro_batches; ++m) {
      std::vector<int32_t> tokens(rows_);
      std::vector<int32_t> labels(rows_);
      EXPECT_TRUE(data.Read(step, m, tokens, labels).ok());
      const DeviceBuffer inputs = DeviceBuffer::Of(*backend_, tokens);
      const DeviceBuffer outputs = DeviceBuffer::Of(*backend_, labels);
      LoadVersions(m);
      loss += Pass({inputs.integers(), outputs.integers()});
      if ((m + 1) % every_ == 0) Update();
    }
    for (State& state : states_) {
      state.versions = {state.versions.back()};
    }
    return loss / static_cast<double>(rows_ * plan_.spec.batch.micro_batches);
  }

  std::map<std::string, std::vector<float>> Weights() const {
    std::map<std::string, std::vector<float>> weights;
    for (const State& state : states_) {
      weights[state.parameter.name] = state.versions.back();
    }
    return weights;
  }

 private:
  struct State {
    Parameter parameter;
    DeviceBuffer value;  // Of the version in use, as the next.
    DeviceBuffer rounded;
    DeviceBuffer gradient;
    DeviceBuffer first_moment;
    DeviceBuffer second_moment;
    std::vector<std::vector<float>> versions;  // Since the step began.
  };
  struct Unit {
    int stage = 0;
    std::vector<size_t> states;
    std::unique_ptr<Layer> layer;
    DeviceBuffer saved;
    DeviceBuffer deferred;
    DeviceBuffer scratch;
    DeviceBuffer input;
    DeviceBuffer input_gradient;
  };

  Precision precision() const { return plan_.spec.precision; }

  int StageOf(int64_t unit) const {
    int stage = 0;
    while (plan_.stages[stage].unit_end <= unit) ++stage;
    return stage;
  }

  void AddUnit(int64_t index) {
    const Gpt2Config& config = ConfigOf(plan_);
    std::vector<size_t> states;
    std::vector<LayerWeight> weights;
    for (const Parameter& parameter : UnitParameters(config, index)) {
      size_t i = 0;
      while (states_[i].parameter.name != parameter.name) ++i;
      states.push_back(i);
      const bool is_rounded = RoundedBytes(parameter, precision()) > 0;
      weights.push_back({states_[i].value.floats(),
                         states_[i].gradient.floats(),
                         is_rounded ? states_[i].rounded.data() : nullptr});
    }
    const PassShape pass{.tokens = rows_, .precision = precision()};
    auto layer = MakeLayer(config, index, pass, *backend_, weights,
                           1.0f / static_cast<float>(rows_ * every_));
    EXPECT_TRUE(layer.ok());
    const UnitCost cost = CostOfUnit(config, index, pass);
    const int64_t boundary = rows_ * config.hidden * ElementBytes(precision());
    units_.push_back({StageOf(index), std::move(states), *std::move(layer),
                      DeviceBuffer(*backend_, cost.saved_bytes),
                      DeviceBuffer(*backend_, cost.deferred_bytes),
                      DeviceBuffer(*backend_, cost.scratch_bytes),
                      DeviceBuffer(*backend_, boundary),
                      DeviceBuffer(*backend_, boundary)});
  }

  void Load(State& state, const std::vector<float>& value) {
    EXPECT_TRUE(
        backend_->CopyIn(std::as_bytes(std::span(value)), state.value.data())
            .ok());
    const int64_t count = state.parameter.count();
    EXPECT_TRUE(backend_
                    ->Round(Float32(state.value.data(), 1, count),
                            {state.rounded.data(), 1, count, count,
                             DataType::kBFloat16})
                    .ok());
  }

  void LoadVersions(int microbatch) {
    for (Unit& unit : units_) {
      const int version = versions_.at({unit.stage, microbatch});
      for (const size_t i : unit.states) {
        Load(states_[i], states_[i].versions.at(version));
      }
    }
  }

  double Pass(const LayerTokens& tokens) {
    const auto tensor = [&](size_t unit, DeviceBuffer Unit::*member) {
      if (unit == units_.size()) return Tensor{};
      const int64_t hidden = ConfigOf(plan_).hidden;
      return Tensor{(units_[unit].*member).data(), rows_, hidden, hidden,
                    TypeOf(precision())};
    };
    const auto memory = [&](size_t unit) -> LayerMemory {
      return {units_[unit].saved.data(), units_[unit].deferred.data(),
              units_[unit].scratch.data()};
    };
    for (size_t u = 0; u < units_.size(); ++u) {
      EXPECT_TRUE(units_[u]
                      .layer
                      ->Forward(tokens, tensor(u, &Unit::input),
                                tensor(u + 1, &Unit::input), memory(u))
                      .ok());
    }
    for (size_t u = units_.size(); u-- > 0;) {
      const Tensor x = tensor(u, &Unit::input);
      const Tensor dy = tensor(u + 1, &Unit::input_gradient);
      const Tensor dx = tensor(u, &Unit::input_gradient);
      Layer& layer = *units_[u].layer;
      EXPECT_TRUE(layer.BackwardInput(tokens, x, dy, dx, memory(u)).ok());
      EXPECT_TRUE(layer.BackwardWeight(tokens, x, dy, memory(u)).ok());
    }
    return units_.back().layer->LossSum(memory(units_.size() - 1)).value();
  }

  void Update() {
    ++updates_;
    const AdamWSpec& adamw = plan_.spec.optimizer;
    for (State& state : states_) {
      Load(state, state.versions.back());
      const int64_t count = state.parameter.count();
      EXPECT_TRUE(
          backend_
              ->AdamW(
                  {.weight = state.value.floats(),
                   .gradient = state.gradient.floats(),
                   .first_moment = state.first_moment.floats(),
                   .second_moment = state.second_moment.floats(),
                   .count = count,
                   .learning_rate = static_cast<float>(adamw.learning_rate),
                   .beta1 = static_cast<float>(adamw.beta1),
                   .beta2 = static_cast<float>(adamw.beta2),
                   .epsilon = static_cast<float>(adamw.epsilon),
                   .weight_decay = state.parameter.shape.size() >= 2
                                       ? static_cast<float>(adamw.weight_decay)
                                       : 0.0f,
                   .step = updates_})
              .ok());
      EXPECT_TRUE(backend_->Zero(state.gradient.data(), 4 * count).ok());
      state.versions.push_back(state.value.Read());
    }
  }

  const Plan& plan_;
  const int64_t every_;
  const int64_t rows_;
  const std::map<std::pair<int, int>, int> versions_;
  const std::unique_ptr<Backend> backend_ = MakeCpuBackend();
  std::vector<State> states_;
  std::vector<Unit> units_;
  int64_t updates_ = 0;
};

class WeightVersionsTest : public SmallJobTest {
 protected:
  JobSpec Spec(int64_t pipeline, const std::string& schedule) const {
    JobSpec spec = SpecOf(Gpt2Config{.layers = 3,
                                     .hidden = 16,
                                     .heads = 2,
                                     .sequence_length = 8,
                                     .vocabulary = 61,
                                     .tied_embeddings = false});
    spec.optimizer.clip_norm = 0;
    spec.batch.micro_batches = 8;
    spec.parallelism.pipeline = pipeline;
    spec.parallelism.schedule = schedule;
    spec.steps = kSteps;
    return spec;
  }

  void ExpectTheReferencesBits(const JobSpec& spec, int64_t every) const {
    const Plan plan = PlanOf(spec);
    const InProcessResult result = Run(plan);
    ASSERT_EQ(std::ssize(result.metrics), kSteps);
    const auto roots = AllowedRoots::Create({root_});
    ASSERT_TRUE(roots.ok());
    const auto data =
        SampleReader::Open(plan, 0, DataCursor::Of(plan, 0), *roots);
    ASSERT_TRUE(data.ok()) << data.status();
    Reference reference(plan, every);
    for (int64_t step = 1; step <= kSteps; ++step) {
      EXPECT_EQ(result.metrics[step - 1].loss, reference.Step(step, **data));
    }
    const auto trained =
        OpenCheckpointSource(result.progress.checkpoint, ConfigOf(plan));
    ASSERT_TRUE(trained.ok()) << trained.status();
    const auto weights = reference.Weights();
    for (const Parameter& parameter : AllParameters(ConfigOf(plan))) {
      std::vector<float> values(parameter.count());
      ASSERT_TRUE((*trained)->ReadWeight(parameter, values).ok());
      EXPECT_EQ(values, weights.at(parameter.name)) << parameter.name;
    }
  }
};

TEST_F(WeightVersionsTest, PipeDreamGivesTheReferencesBits) {
  for (const int64_t pipeline : {1, 2, 4}) {
    for (const bool vertical_sync : {false, true}) {
      SCOPED_TRACE(testing::Message() << "pipeline " << pipeline
                                      << " vertical sync " << vertical_sync);
      JobSpec spec = Spec(pipeline, "pipedream");
      spec.parallelism.vertical_sync = vertical_sync;
      ExpectTheReferencesBits(spec, 1);
    }
  }
}

TEST_F(WeightVersionsTest, TwoBufferedWeightsGiveTheReferencesBits) {
  for (const int64_t pipeline : {1, 2, 4}) {
    SCOPED_TRACE(testing::Message() << "pipeline " << pipeline);
    JobSpec spec = Spec(pipeline, "pipedream-2bw");
    spec.parallelism.update_every = 4;
    ExpectTheReferencesBits(spec, 4);
  }
}

// Each version has a rounded copy of its own.
TEST_F(WeightVersionsTest, VersionsInBf16GiveTheReferencesBits) {
  for (const int64_t pipeline : {1, 4}) {
    SCOPED_TRACE(testing::Message() << "pipeline " << pipeline);
    JobSpec spec = Spec(pipeline, "pipedream");
    spec.precision = Precision::kBf16;
    ExpectTheReferencesBits(spec, 1);
    spec.parallelism.schedule = "pipedream-2bw";
    spec.parallelism.update_every = 4;
    ExpectTheReferencesBits(spec, 4);
  }
}

TEST_F(WeightVersionsTest, OneRankMayTieItsEmbeddings) {
  JobSpec spec = Spec(1, "pipedream-2bw");
  spec.parallelism.update_every = 2;
  spec.steps = 8;
  std::get<Gpt2Config>(std::get<Architecture>(spec.model.architecture))
      .tied_embeddings = true;
  const InProcessResult result = Run(PlanOf(spec));
  ASSERT_EQ(result.metrics.size(), 8);
  EXPECT_LT(result.metrics.back().loss, result.metrics.front().loss);
}

TEST_F(WeightVersionsTest, TheLossFalls) {
  for (const char* schedule : {"pipedream", "pipedream-2bw"}) {
    JobSpec spec = Spec(4, schedule);
    spec.optimizer.learning_rate = 3e-3;
    spec.steps = 16;
    const InProcessResult result = Run(PlanOf(spec));
    ASSERT_EQ(result.metrics.size(), 16);
    EXPECT_LT(result.metrics.back().loss, 0.8 * result.metrics.front().loss);
    EXPECT_GT(result.metrics.back().grad_norm, 0);
  }
}

}  // namespace
}  // namespace penstock
