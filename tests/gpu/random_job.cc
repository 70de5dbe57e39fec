#include "tests/gpu/random_job.h"

#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "coordinator/planner/planner.h"
#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/random.h"
#include "proto/base/status_macros.h"

namespace penstock::gpu {
namespace {

namespace fs = std::filesystem;

}  // namespace

absl::StatusOr<RandomTokens> RandomTokens::Create(int64_t vocabulary,
                                                  int64_t count) {
  static int created = 0;
  RandomTokens tokens(fs::temp_directory_path() /
                      fmt::format("penstock-{}-{}", ::getpid(), ++created));
  std::error_code error;
  fs::create_directories(tokens.directory_, error);
  Random random(1);
  std::string bytes;
  bytes.reserve(static_cast<size_t>(2 * count));
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t token = random.Below(static_cast<uint64_t>(vocabulary));
    bytes.push_back(static_cast<char>(token & 0xff));
    bytes.push_back(static_cast<char>(token >> 8));
  }
  RETURN_IF_ERROR(
      WriteFileAtomically(tokens.directory_ + "/tokens.bin", bytes));
  return tokens;
}

RandomTokens::RandomTokens(RandomTokens&& other) noexcept
    : directory_(std::exchange(other.directory_, {})) {}

RandomTokens::~RandomTokens() {
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

JobSpec RandomTokens::Spec(const std::string& name,
                           const Architecture& model) const {
  JobSpec spec;
  spec.name = name;
  spec.model.architecture = model;
  spec.data = {.tokens = directory_ + "/tokens.bin", .dtype = "uint16"};
  return spec;
}

absl::StatusOr<Plan> PlanOf(const RandomTokens& tokens, JobSpec spec,
                            const std::string& kind) {
  spec.device = kind == "cuda" ? DeviceChoice::kCuda : DeviceChoice::kCpu;
  const std::vector<DeviceShape> devices(
      spec.parallelism.pipeline * spec.parallelism.data,
      {.kind = kind,
       .memory_bytes = int64_t{1} << 44,
       .flops_per_second = 1e12});
  ASSIGN_OR_RETURN(Plan plan, MakePlan(spec, devices));
  plan.checkpoint_directory = tokens.directory() + "/" + spec.name;
  std::error_code ignored;
  fs::remove_all(plan.checkpoint_directory, ignored);
  return plan;
}

}  // namespace penstock::gpu
