// Where the time of a training step goes:
//
//   step_profile                            # by arithmetic, without a device
//   step_profile --device cuda --rows 12    # measured, beside the arithmetic
//
// Counts what whole steps ask of their device and predicts from rates, which
// flags set, how long it takes at least. With --device each call is timed, too.

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/gpu/ceilings.h"
#include "tests/gpu/device_flag.h"
#include "tests/gpu/profile_report.h"

namespace penstock::gpu {
namespace {

using nlohmann::json;

struct Flags {
  std::string kind = "none";
  bool small = false;
  std::vector<std::string> only;
  int rows = 0;
  std::string path;
  Rates rates;
};

void AddFlags(CLI::App& app, Flags& flags) {
  AddDeviceFlag(app, flags.kind)->required(false);
  app.add_flag("--small", flags.small, "shapes for a CPU");
  app.add_option("--only", flags.only, "names of workloads; default: all");
  app.add_option("--rows", flags.rows, "of each table; default: all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--json", flags.path, "file for the tables");
  Rates& rates = flags.rates;
  const auto add_rate = [&app](const char* name, double& rate,
                               const char* what) {
    app.add_option(name, rate, what)
        ->check(CLI::PositiveNumber)
        ->capture_default_str()
        ->group("Assumed rates, in TFLOP/s and TB/s");
  };
  add_rate("--narrow-product", rates.narrow_product, "extents of 768");
  add_rate("--wide-product", rates.wide_product, "extents of 4096");
  add_rate("--attention", rates.attention, "heads of 64, 1024 tokens");
  add_rate("--attention-backward", rates.attention_backward, "likewise");
  add_rate("--wide-attention", rates.wide_attention, "128, 4096 tokens");
  add_rate("--wide-attention-backward", rates.wide_attention_backward,
           "likewise");
  add_rate("--memory", rates.memory, "of the device, read and written");
}

absl::StatusOr<std::optional<Ceilings>> CeilingsOf(const Flags& flags) {
  if (flags.kind == "none") return std::nullopt;
  absl::StatusOr<std::unique_ptr<Backend>> backend = MakerOf(flags.kind)();
  if (!backend.ok()) return backend.status();
  return MeasureCeilings(**backend, flags.small);
}

ProfileOptions OptionsOf(const Flags& flags) {
  // The plan of a model that a device trains, even where none does.
  if (flags.kind == "none") return {.kind = "cuda"};
  return {
      .kind = flags.kind,
      .make_backend = MakerOf(flags.kind, {.attention = AttentionForm::kFast})};
}

void Write(const Flags& flags, const std::optional<Ceilings>& ceilings,
           const std::vector<ProfileReport>& reports) {
  json result = {{"workloads", json::array()}};
  if (ceilings.has_value()) result["ceilings"] = ToJson(*ceilings);
  for (const ProfileReport& report : reports) {
    result["workloads"].push_back(ToJson(report));
  }
  std::ofstream(flags.path) << result.dump(1) << "\n";
}

int Main(const Flags& flags) {
  const auto ceilings = CeilingsOf(flags);
  if (!ceilings.ok()) {
    fmt::print("{}\n", ceilings.status().ToString());
    return 1;
  }
  bool failed = false;
  std::vector<ProfileReport> reports;
  for (const Workload& workload : Workloads(flags.small, flags.only)) {
    const auto profile = ProfileStep(workload, OptionsOf(flags));
    if (!profile.ok()) {
      failed = true;
      fmt::print("{}: {}\n", workload.name, profile.status().ToString());
      continue;
    }
    reports.push_back(ReportOn(*profile, flags.rates, *ceilings));
    fmt::print("{}\n", ToText(reports.back(), flags.rows));
    std::fflush(stdout);
    if (!flags.path.empty()) Write(flags, *ceilings, reports);
  }
  if (!failed) fmt::print("{}\n", SummaryOf(reports));
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace penstock::gpu

int main(int argc, char** argv) {
  CLI::App app("Where the time of a training step goes.");
  penstock::gpu::Flags flags;
  penstock::gpu::AddFlags(app, flags);
  CLI11_PARSE(app, argc, argv);
  return penstock::gpu::Main(flags);
}
