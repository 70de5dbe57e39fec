#include "tests/numerics/small_job.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/file/weight_hash.h"

namespace penstock {

SmallJobTest::SmallJobTest() {
  root_ = testing::TempDir() + fmt::format("/small-job-{}", ::getpid());
  std::filesystem::create_directories(root_);
  std::string tokens;
  for (int i = 0; i < 4096; ++i) {
    tokens.push_back(static_cast<char>(i * i % 61));
    tokens.push_back('\0');
  }
  EXPECT_TRUE(WriteFileAtomically(root_ + "/tokens.bin", tokens).ok());
}

SmallJobTest::~SmallJobTest() { std::filesystem::remove_all(root_); }

JobSpec SmallJobTest::SpecOf(const Architecture& model) const {
  JobSpec spec;
  spec.name = "small";
  spec.model.architecture = model;
  spec.data.tokens = root_ + "/tokens.bin";
  spec.optimizer.learning_rate = 1e-2;
  spec.batch = {.micro_batch_size = 2, .micro_batches = 4};
  spec.parallelism = {.pipeline = 1, .data = 1, .schedule = "1f1b"};
  spec.steps = 4;
  return spec;
}

Plan SmallJobTest::PlanOf(const JobSpec& spec, const LinkShape& link) const {
  EXPECT_TRUE(Validate(spec).ok()) << Validate(spec);
  const std::vector<DeviceShape> devices(
      spec.parallelism.pipeline * spec.parallelism.data,
      {.memory_bytes = int64_t{1} << 32, .flops_per_second = 1e11});
  absl::StatusOr<Plan> plan = MakePlan(spec, devices, link);
  EXPECT_TRUE(plan.ok()) << plan.status();
  plan->checkpoint_directory = root_ + "/" + spec.name;
  return *std::move(plan);
}

InProcessResult SmallJobTest::Run(const Plan& plan,
                                  InProcessOptions options) const {
  options.root = root_;
  if (plan.start.checkpoint.empty()) {
    std::filesystem::remove_all(plan.checkpoint_directory);
  }
  auto result = RunInProcess(plan, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : InProcessResult();
}

Outcome SmallJobTest::Train(const Plan& plan,
                            const InProcessOptions& options) const {
  const InProcessResult result = Run(plan, options);
  Outcome outcome{.checkpoint = result.progress.checkpoint};
  for (const StepMetrics& metrics : result.metrics) {
    outcome.losses.push_back(metrics.loss);
    outcome.norms.push_back(metrics.grad_norm);
  }
  const auto hash = HashWeights(outcome.checkpoint);
  EXPECT_TRUE(hash.ok()) << hash.status();
  outcome.hash = hash.value_or("");
  return outcome;
}

}  // namespace penstock
