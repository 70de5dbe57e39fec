// Two ranks as threads over the local link, with stages that record what they
// are asked and check what they are given.

#include "worker/runtime/step_executor.h"

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

constexpr int64_t kBytes = 64;

// Writes its micro-batch into what it sends and expects the peer's to say the
// same.
class RecordingStage final : public Stage {
 public:
  RecordingStage(std::vector<std::string>& passes, std::string failing)
      : passes_(passes), failing_(std::move(failing)) {}

  StageSizes sizes() const override { return {}; }
  absl::Status Forward(const StagePass& pass) override {
    return Record("F", pass, pass.input, pass.output);
  }
  absl::Status Backward(const StagePass& pass) override {
    return Record("B", pass, pass.output_gradient, pass.input_gradient);
  }
  absl::Status BackwardInput(const StagePass& pass) override {
    EXPECT_NE(pass.deferred, nullptr);
    return Record("I", pass, pass.output_gradient, pass.input_gradient);
  }
  absl::Status BackwardWeight(const StagePass& pass) override {
    EXPECT_NE(pass.deferred, nullptr);
    return Record("W", pass, nullptr, nullptr);
  }
  absl::StatusOr<double> LossSum(const std::byte*) const override {
    return 1.5;
  }

 private:
  absl::Status Record(const char* kind, const StagePass& pass,
                      const std::byte* in, std::byte* out) {
    EXPECT_NE(pass.saved, nullptr);
    if (in != nullptr) {
      EXPECT_EQ(static_cast<int>(in[0]), pass.microbatch);
    }
    if (out != nullptr) std::memset(out, pass.microbatch, kBytes);
    passes_.push_back(kind + std::to_string(pass.microbatch));
    if (passes_.back() == failing_) return absl::DataLossError("broken");
    return absl::OkStatus();
  }

  std::vector<std::string>& passes_;
  const std::string failing_;
};

struct Rank {
  std::vector<std::byte> memory = std::vector<std::byte>(64 * kBytes);
  RankMemory ranks_memory;
  std::vector<std::string> passes;
  std::unique_ptr<Link> link;
  std::unique_ptr<StepExecutor> executor;
  int optimized = 0;
  absl::Status status;
};

class StepExecutorTest : public testing::Test {
 protected:
  // Programs of rank 0 and 1, each with one stage of the same number.
  void Run(const std::vector<std::string>& programs, int microbatches,
           const std::string& failing_on_rank_1 = "") {
    plan_.spec.batch.micro_batches = microbatches;
    plan_.stages = {{.rank = 0}, {.rank = 1}};
    for (const std::string& program : programs) {
      plan_.ranks.push_back({.program = ParseProgram(program).value()});
    }
    const auto hub = LocalHub::Create(2);
    for (int r = 0; r < 2; ++r) {
      ranks_[r].link = hub->link(r);
      MakeExecutor(r, r == 1 ? failing_on_rank_1 : "");
    }
    std::vector<std::thread> threads;
    for (Rank& rank : ranks_) {
      threads.emplace_back([&rank] {
        for (int step = 1; step <= 2 && rank.status.ok(); ++step) {
          rank.status = rank.executor->Run(step);
        }
        if (!rank.status.ok()) rank.link->Abort(rank.status);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void MakeExecutor(int r, const std::string& failing) {
    Rank& rank = ranks_[r];
    StageMemory& memory = rank.ranks_memory.stages.emplace_back();
    memory.stage = r;
    memory.sizes = {.boundary_in = r == 0 ? 0 : kBytes,
                    .boundary_out = r == 1 ? 0 : kBytes};
    std::byte* next = rank.memory.data();
    for (BufferPool* pool : {&memory.activations, &memory.inputs,
                             &memory.outputs, &memory.output_gradients,
                             &memory.input_gradients, &memory.deferred}) {
      *pool = BufferPool(next, 4, kBytes);
      next += 4 * kBytes;
    }
    memory.activations =
        BufferPool(rank.memory.data(), activations_max_, kBytes);
    std::vector<std::unique_ptr<Stage>> stages;
    stages.push_back(std::make_unique<RecordingStage>(rank.passes, failing));
    rank.executor = std::make_unique<StepExecutor>(
        plan_, Assignment{.rank = r}, rank.ranks_memory, std::move(stages),
        *rank.link, absl::Seconds(30),
        StepHooks{
            .reduce_gradient = [](int64_t, int) { return absl::OkStatus(); },
            .reduce_tied = [](int64_t, int) { return absl::OkStatus(); },
            .optimize =
                [&rank](int64_t) {
                  ++rank.optimized;
                  return absl::OkStatus();
                }},
        StepListener{});
  }

  Plan plan_;
  Rank ranks_[2];
  int activations_max_ = 4;
};

TEST_F(StepExecutorTest, RunsTheProgramInItsOrderStepAfterStep) {
  Run({"0F0 0SEND_F0 0RECV_B0 0F1 0SEND_F1 0RECV_B1 0B0 0B1 OPTIMIZER",
       "1RECV_F0 1RECV_F1 1F0 1B0 1SEND_B0 1F1 1B1 1SEND_B1 OPTIMIZER"},
      2);
  for (Rank& rank : ranks_) {
    ASSERT_TRUE(rank.status.ok()) << rank.status;
    EXPECT_EQ(rank.optimized, 2);
  }
  EXPECT_EQ(ranks_[0].passes,
            (std::vector<std::string>{"F0", "F1", "B0", "B1", "F0", "F1", "B0",
                                      "B1"}));
  EXPECT_EQ(ranks_[1].passes,
            (std::vector<std::string>{"F0", "B0", "F1", "B1", "F0", "B0", "F1",
                                      "B1"}));
  EXPECT_EQ(ranks_[1].executor->LossSum(), 3.0);
  EXPECT_EQ(ranks_[0].executor->LossSum(), 0.0);
}

TEST_F(StepExecutorTest, RunsSplitBackwardPasses) {
  Run({"0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0RECV_B1 0I0 0I1 0W0 0W1 OPTIMIZER",
       "1RECV_F0 1RECV_F1 1F0 1I0 1SEND_B0 1F1 1I1 1SEND_B1 1W0 1W1 "
       "OPTIMIZER"},
      2);
  for (Rank& rank : ranks_) ASSERT_TRUE(rank.status.ok()) << rank.status;
  EXPECT_EQ(ranks_[1].passes,
            (std::vector<std::string>{"F0", "I0", "F1", "I1", "W0", "W1", "F0",
                                      "I0", "F1", "I1", "W0", "W1"}));
}

// With one buffer for what a pass saves: F gives it back where R follows.
TEST_F(StepExecutorTest, RecomputesWhatItDidNotKeep) {
  activations_max_ = 1;
  Run({"0F0 0SEND_F0 0RECV_B0 0F1 0SEND_F1 0RECV_B1 0R0 0B0 0R1 0B1 OPTIMIZER",
       "1RECV_F0 1RECV_F1 1F0 1F1 1R0 1I0 1SEND_B0 1W0 1R1 1I1 1SEND_B1 1W1 "
       "OPTIMIZER"},
      2);
  for (Rank& rank : ranks_) ASSERT_TRUE(rank.status.ok()) << rank.status;
  EXPECT_EQ(ranks_[0].passes,
            (std::vector<std::string>{"F0", "F1", "F0", "B0", "F1", "B1", "F0",
                                      "F1", "F0", "B0", "F1", "B1"}));
  EXPECT_EQ(ranks_[1].executor->LossSum(), 3.0);
}

TEST_F(StepExecutorTest, StopsAtTheFirstErrorAndNamesRankStepAndAction) {
  Run({"0F0 0SEND_F0 0RECV_B0 0B0 OPTIMIZER",
       "1RECV_F0 1F0 1B0 1SEND_B0 OPTIMIZER"},
      1, /*failing_on_rank_1=*/"B0");
  EXPECT_EQ(ranks_[1].status,
            absl::DataLossError("replica 0 rank 1 step 1 1B0: broken"));
  EXPECT_EQ(ranks_[1].optimized, 0);
  EXPECT_FALSE(ranks_[0].status.ok());
  EXPECT_EQ(ranks_[0].status.message().find("replica 0 rank 0 step 1 0B0: "),
            0);
}

TEST_F(StepExecutorTest, RefusesAProgramThatSendsWhatItHasNotComputed) {
  Run({"0SEND_F0 OPTIMIZER", "OPTIMIZER"}, 1);
  EXPECT_EQ(ranks_[0].status.code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace penstock
