// How fast a device trains, in JSON, beside what it could at most:
//
//   throughput --device cuda --json ours.json
//   throughput --list --json workloads.json
//
// The file has what is known so far, so that a limit of time costs only the
// rest; a line per run goes to the standard output.

#include <algorithm>
#include <cstdio>
#include <fstream>
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
  bool fp32 = false;
  bool small = false;
  bool list = false;
  std::string path;
  std::vector<std::string> only;
  std::vector<int64_t> stages = {1, 2};
  int64_t warmup = 5;
  int64_t steps = 20;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_flag("--list", flags.list, "print the workloads, and that is all");
  AddDeviceFlag(app, flags.kind)->required(false);
  app.add_option("--json", flags.path, "file for the results")->required();
  app.add_flag("--fp32", flags.fp32, "in float32, not in bfloat16");
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

absl::StatusOr<Ceilings> CeilingsOf(const Flags& flags) {
  absl::StatusOr<std::unique_ptr<Backend>> backend = MakerOf(flags.kind)();
  if (!backend.ok()) return backend.status();
  return MeasureCeilings(**backend, flags.small);
}

class Results {
 public:
  explicit Results(const Flags& flags) : flags_(flags) {}

  absl::Status Measure() {
    absl::StatusOr<Ceilings> ceilings = CeilingsOf(flags_);
    if (!ceilings.ok()) return ceilings.status();
    ceilings_ = *ceilings;
    json_["ceilings"] = penstock::gpu::ToJson(ceilings_);
    for (const Workload& workload : Workloads(flags_.small, flags_.only)) {
      json_["workloads"].push_back(penstock::gpu::ToJson(workload));
      for (const int64_t stages : flags_.stages) MeasureOne(workload, stages);
    }
    return absl::OkStatus();
  }

  void List() {
    for (const Workload& workload : Workloads(flags_.small, flags_.only)) {
      json_["workloads"].push_back(penstock::gpu::ToJson(workload));
    }
    Write();
  }

  bool failed() const { return failed_; }

 private:
  // What failed is in the results, too, and the others go on.
  void MeasureOne(const Workload& workload, int64_t stages) {
    const auto measured = MeasureThroughput(
        workload, stages,
        {.kind = flags_.kind,
         .make_backend =
             MakerOf(flags_.kind, {.attention = AttentionForm::kFast}),
         .precision = flags_.fp32 ? Precision::kFp32 : Precision::kBf16,
         .warmup = flags_.warmup,
         .steps = flags_.steps,
         .used_bytes = [this] { return UsedBytes(flags_.kind); }});
    json& runs = json_["workloads"].back()["runs"];
    if (measured.ok()) {
      runs.push_back(ToJson(workload, *measured, ceilings_));
      fmt::print("{}, {} stages: {:.0f} tokens/s\n", workload.name, stages,
                 measured->tokens_per_second);
    } else {
      failed_ = true;
      runs.push_back(
          {{"stages", stages}, {"error", measured.status().ToString()}});
      fmt::print("{}, {} stages: {}\n", workload.name, stages,
                 measured.status().ToString());
    }
    std::fflush(stdout);
    Write();
  }

  void Write() const { std::ofstream(flags_.path) << json_.dump(1) << "\n"; }

  const Flags& flags_;
  Ceilings ceilings_;
  json json_ = {{"workloads", json::array()}};
  bool failed_ = false;
};

int Main(const Flags& flags) {
  Results results(flags);
  if (flags.list) {
    results.List();
    return 0;
  }
  const absl::Status status = results.Measure();
  if (!status.ok()) fmt::print("{}\n", status.ToString());
  return status.ok() && !results.failed() ? 0 : 1;
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
