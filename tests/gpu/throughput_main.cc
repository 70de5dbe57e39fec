// How fast a device trains, in JSON, beside what it could at most and what
// others reach:
//
//   throughput --device cuda > ours.json
//   throughput --list > workloads.json
//
// A line per workload goes to the standard error as it is measured.

#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/gpu/ceilings.h"
#include "tests/gpu/device_flag.h"
#include "tests/gpu/flops.h"
#include "tests/gpu/throughput.h"
#include "worker/executor/resident_memory.h"

namespace penstock::gpu {
namespace {

using nlohmann::json;

struct Flags {
  std::string kind = "cpu";
  bool small = false;
  bool list = false;
  std::vector<std::string> only;
  std::vector<int64_t> stages = {1, 2};
  int64_t warmup = 5;
  int64_t steps = 20;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_flag("--list", flags.list, "print the workloads, and that is all");
  AddDeviceFlag(app, flags.kind)->required(false);
  app.add_flag("--small", flags.small, "shapes for a CPU");
  app.add_option("--only", flags.only, "names of workloads; default: all");
  app.add_option("--stages", flags.stages, "virtual stages, one after another");
  app.add_option("--warmup", flags.warmup, "steps before those that are timed")
      ->check(CLI::Range(1, 1000));
  app.add_option("--steps", flags.steps, "timed steps")
      ->check(CLI::Range(1, 1000));
}

// Of the whole device, as its driver says; others should not use it. What the
// process holds where that is the device.
int64_t UsedBytes(const std::string& kind) {
  if (kind == "cpu") return ReadResidentMemory().bytes;
  std::FILE* const pipe = ::popen(
      "nvidia-smi -i 0 --query-gpu=memory.used --format=csv,noheader,nounits",
      "r");
  if (pipe == nullptr) return 0;
  long mebibytes = 0;
  const bool read = std::fscanf(pipe, "%ld", &mebibytes) == 1;
  ::pclose(pipe);
  return read ? int64_t{mebibytes} << 20 : 0;
}

json ToJson(const Workload& workload, const Throughput& measured,
            const Ceilings& ceilings) {
  const double causal = FlopsPerToken(workload.model, Counting::kCausal);
  const double full = FlopsPerToken(workload.model, Counting::kFull);
  return {
      {"stages", measured.stages},
      {"micro_batch_size", measured.batch.micro_batch_size},
      {"micro_batches", measured.batch.micro_batches},
      {"step_seconds", measured.step_seconds},
      {"tokens_per_second", measured.tokens_per_second},
      {"mfu_causal", Mfu(measured.tokens_per_second, causal)},
      {"mfu_full", Mfu(measured.tokens_per_second, full)},
      {"share_of_ceiling",
       Mfu(measured.tokens_per_second, causal, ceilings.flops_per_second)},
      {"arena_bytes", measured.arena_bytes},
      {"forecast_bytes", measured.forecast_bytes},
      {"used_bytes", measured.used_bytes},
  };
}

absl::StatusOr<Ceilings> MeasureCeilingsOf(const Flags& flags) {
  absl::StatusOr<std::unique_ptr<Backend>> backend = MakerOf(flags.kind)();
  if (!backend.ok()) return backend.status();
  return flags.small ? MeasureCeilings(**backend, 256, int64_t{1} << 24)
                     : MeasureCeilings(**backend, 8192, int64_t{1} << 32);
}

// What failed is in the result, too, and the others go on.
json MeasureWorkload(const Workload& workload, const Flags& flags,
                     const Ceilings& ceilings, bool& failed) {
  ThroughputOptions options{
      .kind = flags.kind,
      .make_backend = MakerOf(flags.kind, {.attention = AttentionForm::kFast}),
      .warmup = flags.warmup,
      .steps = flags.steps,
      .used_bytes = [&flags] { return UsedBytes(flags.kind); }};
  json result = ToJson(workload);
  result["runs"] = json::array();
  for (const int64_t stages : flags.stages) {
    const auto measured = MeasureThroughput(workload, stages, options);
    if (measured.ok()) {
      result["runs"].push_back(ToJson(workload, *measured, ceilings));
      fmt::print(stderr, "{} {} stages: {:.0f} tokens/s\n", workload.name,
                 stages, measured->tokens_per_second);
    } else {
      failed = true;
      result["runs"].push_back(
          {{"stages", stages}, {"error", measured.status().ToString()}});
      fmt::print(stderr, "{} {} stages: {}\n", workload.name, stages,
                 measured.status().ToString());
    }
  }
  return result;
}

int Main(const Flags& flags) {
  json result = {{"workloads", json::array()}};
  bool failed = false;
  Ceilings ceilings;
  if (!flags.list) {
    const auto measured = MeasureCeilingsOf(flags);
    if (!measured.ok()) {
      fmt::print(stderr, "{}\n", measured.status().ToString());
      return 1;
    }
    ceilings = *measured;
    result["ceilings"] = {
        {"flops_per_second", ceilings.flops_per_second},
        {"copy_bytes_per_second", ceilings.copy_bytes_per_second}};
  }
  for (const Workload& workload : Workloads(flags.small)) {
    const bool wanted =
        flags.only.empty() || std::find(flags.only.begin(), flags.only.end(),
                                        workload.name) != flags.only.end();
    if (!wanted) continue;
    result["workloads"].push_back(
        flags.list ? ToJson(workload)
                   : MeasureWorkload(workload, flags, ceilings, failed));
  }
  std::puts(result.dump(1).c_str());
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace penstock::gpu

int main(int argc, char** argv) {
  CLI::App app("How fast a device trains.");
  penstock::gpu::Flags flags;
  penstock::gpu::AddFlags(app, flags);
  CLI11_PARSE(app, argc, argv);
  return penstock::gpu::Main(flags);
}
