// Trains small models on a device and holds them to the CPU and to themselves;
// see model_check.h. The exit status is 0 if all holds.

#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "tests/gpu/device_flag.h"
#include "tests/gpu/findings.h"
#include "tests/gpu/model_check.h"

int main(int argc, char** argv) {
  CLI::App app("Whole training steps on a device against the CPU.");
  penstock::gpu::ModelCheckOptions options;
  penstock::gpu::AddDeviceFlag(app, options.kind);
  app.add_flag("--tiny", options.tiny, "smaller models and fewer steps");
  CLI11_PARSE(app, argc, argv);
  options.make_backend = penstock::gpu::MakerOf(options.kind);
  penstock::gpu::Findings findings;
  const absl::Status status = penstock::gpu::CheckModels(options, findings);
  std::fputs(findings.Text().c_str(), stdout);
  if (!status.ok()) std::printf("%s\n", status.ToString().c_str());
  return status.ok() && findings.passed() ? 0 : 1;
}
