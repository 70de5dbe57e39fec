#ifndef TESTS_GPU_MODEL_CHECK_H_
#define TESTS_GPU_MODEL_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/gpu/findings.h"
#include "worker/runtime/backend_maker.h"

namespace penstock::gpu {

struct ModelCheckOptions {
  std::string kind = "cpu";   // Of the device that is checked, for its plans.
  BackendMaker make_backend;  // Likewise.
  // One block of 16 columns, few steps and shapes: for emulated devices.
  bool tiny = false;
};

// Trains a GPT-2 and a Llama on random tokens, in float32 and in bfloat16, by
// the runtime that executors have, with each rank as a thread:
//
// 1. The device against the CPU: the loss and the gradient norm of each step,
//    and how far off each weight ends, as a share of how far training moved it.
// 2. On the device the same bits for all virtual stages and schedules: losses,
//    norms and the hash of the final weights.
//
// Errors: of a job that could not be run; what it computed is in `findings`.
absl::Status CheckModels(const ModelCheckOptions& options, Findings& findings);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_MODEL_CHECK_H_
