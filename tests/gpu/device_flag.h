#ifndef TESTS_GPU_DEVICE_FLAG_H_
#define TESTS_GPU_DEVICE_FLAG_H_

#include <string>

#include "CLI/CLI.hpp"
#include "kernels/backend.h"
#include "worker/runtime/backend_maker.h"

namespace penstock::gpu {

// --device cuda, or cpu as its stand-in where there is none: everything but the
// numbers is the same.
inline CLI::Option* AddDeviceFlag(CLI::App& app, std::string& kind) {
  return app.add_option("--device", kind, "what is checked")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->required();
}

inline BackendMaker MakerOf(const std::string& kind,
                            const CudaOptions& options = {}) {
  if (kind == "cpu") return MakeCpuBackend;
  return [options] { return MakeCudaBackend(0, options); };
}

}  // namespace penstock::gpu

#endif  // TESTS_GPU_DEVICE_FLAG_H_
