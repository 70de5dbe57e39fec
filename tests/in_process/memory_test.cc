// A rank holds what its plan says, from the first step to the last.

#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "proto/base/file.h"
#include "proto/file/disk.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {
namespace {

class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    root_ = testing::TempDir() + fmt::format("/memory-{}", ::getpid());
    std::filesystem::create_directories(root_);
    EXPECT_TRUE(
        WriteFileAtomically(root_ + "/tokens.bin", std::string(1 << 16, '\1'))
            .ok());
  }
  ~MemoryTest() override { std::filesystem::remove_all(root_); }

  static Architecture Gpt2(bool tied) {
    return Gpt2Config{.layers = 6,
                      .hidden = 128,
                      .heads = 4,
                      .sequence_length = 64,
                      .vocabulary = 512,
                      .tied_embeddings = tied};
  }

  static Architecture Llama(bool tied) {
    return LlamaConfig{.layers = 6,
                       .hidden = 128,
                       .heads = 8,
                       .kv_heads = 2,
                       .head_dim = 32,
                       .intermediate = 336,
                       .sequence_length = 64,
                       .vocabulary = 512,
                       .tied_embeddings = tied};
  }

  Plan PlanOf(int64_t pipeline, const std::string& schedule,
              const Architecture& model,
              Recompute recompute = Recompute::kNever, bool optimistic = false,
              Precision precision = Precision::kFp32) const {
    JobSpec spec;
    spec.name = "memory";
    spec.model.architecture = model;
    spec.data.tokens = root_ + "/tokens.bin";
    spec.batch = {.micro_batch_size = 2, .micro_batches = 6};
    spec.parallelism = {.pipeline = pipeline,
                        .data = 1,
                        .schedule = schedule,
                        .recompute = recompute,
                        .optimistic_update = optimistic};
    spec.steps = 8;
    spec.precision = precision;
    const std::vector<DeviceShape> devices(
        pipeline, {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
    absl::StatusOr<Plan> plan = MakePlan(spec, devices, LinkShape{});
    EXPECT_TRUE(plan.ok()) << plan.status();
    plan->checkpoint_directory = root_ + "/checkpoints";
    return *std::move(plan);
  }

  // The forecast knows neither the alignment of each tensor to 256 bytes nor
  // the tokens and labels of a micro-batch: one percent at this size.
  void ExpectTheForecastsArena(const Plan& plan) const {
    for (int rank = 0; rank < std::ssize(plan.ranks); ++rank) {
      SCOPED_TRACE(testing::Message()
                   << plan.spec.parallelism.schedule << " rank " << rank
                   << " of " << plan.ranks.size());
      const auto roots = AllowedRoots::Create({root_});
      ASSERT_TRUE(roots.ok());
      const auto trainer =
          Trainer::Prepare(plan, {.job = "memory", .epoch = 1, .rank = rank},
                           MakeCpuBackend, *roots, RealDisk(), TrainerEvents{});
      ASSERT_TRUE(trainer.ok()) << trainer.status();
      const MemoryForecast& memory = plan.ranks[rank].memory;
      const double forecast =
          static_cast<double>(memory.total() - memory.process);
      EXPECT_NEAR(static_cast<double>((*trainer)->arena_bytes()), forecast,
                  0.01 * forecast);
    }
  }

  std::string root_;
};

TEST_F(MemoryTest, TheArenaIsWhatTheForecastSays) {
  for (const bool tied : {false, true}) {
    for (const int pipeline : {1, 2, 4}) {
      for (const std::string schedule : {"gpipe", "1f1b", "zb-h1", "seq1f1b"}) {
        SCOPED_TRACE(testing::Message() << "tied " << tied << " " << pipeline
                                        << " ranks " << schedule);
        ExpectTheForecastsArena(
            PlanOf(pipeline, schedule, Gpt2(tied), Recompute::kNever,
                   /*optimistic=*/pipeline > 1 && schedule != "seq1f1b"));
        ExpectTheForecastsArena(PlanOf(pipeline, schedule, Llama(tied)));
      }
    }
    for (const char* schedule :
         {"zbv", "interleaved-1f1b", "dualpipe", "hanayo"}) {
      for (const Recompute recompute :
           {Recompute::kNever, Recompute::kAlways}) {
        SCOPED_TRACE(testing::Message() << "tied " << tied << " " << schedule
                                        << static_cast<int>(recompute));
        ExpectTheForecastsArena(PlanOf(2, schedule, Gpt2(tied), recompute));
      }
    }
  }
}

TEST_F(MemoryTest, TheVersionsOfWeightsAreInBoth) {
  for (const int pipeline : {2, 4}) {
    const Plan plain = PlanOf(pipeline, "1f1b", Gpt2(/*tied=*/false));
    for (const char* schedule : {"pipedream", "pipedream-2bw"}) {
      if (schedule == std::string("pipedream-2bw") && pipeline == 4) continue;
      const Plan plan = PlanOf(pipeline, schedule, Gpt2(/*tied=*/false));
      ExpectTheForecastsArena(plan);
      EXPECT_GT(plan.ranks[0].memory.weights,
                1.9 * static_cast<double>(plain.ranks[0].memory.weights));
    }
  }
}

TEST_F(MemoryTest, InBf16TheArenaIsWhatTheForecastSaysAndSmaller) {
  const auto plan_of = [this](int64_t pipeline, const char* schedule,
                              const Architecture& model, Precision precision) {
    return PlanOf(pipeline, schedule, model, Recompute::kNever,
                  /*optimistic=*/false, precision);
  };
  for (const bool tied : {false, true}) {
    for (const Architecture& model : {Gpt2(tied), Llama(tied)}) {
      for (const int pipeline : {1, 2}) {
        for (const char* schedule : {"1f1b", "zb-h1", "zbv", "seq1f1b"}) {
          if (pipeline == 1 && schedule == std::string("zbv")) continue;
          SCOPED_TRACE(testing::Message() << "tied " << tied << " " << pipeline
                                          << " ranks " << schedule);
          const Plan plan =
              plan_of(pipeline, schedule, model, Precision::kBf16);
          ExpectTheForecastsArena(plan);
          const MemoryForecast narrow = plan.ranks[0].memory;
          const MemoryForecast wide =
              plan_of(pipeline, schedule, model, Precision::kFp32)
                  .ranks[0]
                  .memory;
          EXPECT_LT(static_cast<double>(narrow.activations),
                    0.6 * static_cast<double>(wide.activations));
          EXPECT_GT(narrow.weights, wide.weights);
          EXPECT_EQ(narrow.checkpoint, wide.checkpoint);
        }
      }
    }
  }
  ExpectTheForecastsArena(
      plan_of(4, "pipedream", Gpt2(/*tied=*/false), Precision::kBf16));
  ExpectTheForecastsArena(
      plan_of(1, "pipedream-2bw", Gpt2(/*tied=*/true), Precision::kBf16));
}

// What the tests themselves keep of each step is a few kilobytes.
TEST_F(MemoryTest, StepsAfterTheFirstAllocateNothingThatStays) {
  constexpr int64_t kNoise = 64 << 10;
  const Plan plan = PlanOf(2, "1f1b", Llama(/*tied=*/true));
  std::vector<int64_t> in_use;
  const auto result = RunInProcess(
      plan,
      {.root = root_, .on_step = [&](const StepMetrics&) {
         const struct mallinfo2 info = ::mallinfo2();
         in_use.push_back(static_cast<int64_t>(info.uordblks + info.hblkhd));
       }});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(in_use.size(), 8);
  for (size_t step = 2; step < in_use.size(); ++step) {
    EXPECT_LE(in_use[step], in_use[1] + kNoise) << "step " << step + 1;
  }
}

}  // namespace
}  // namespace penstock
