#ifndef TESTS_GPU_STEP_PROFILE_H_
#define TESTS_GPU_STEP_PROFILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "tests/gpu/counting_backend.h"
#include "tests/gpu/workload.h"
#include "worker/runtime/backend_maker.h"

namespace penstock::gpu {

struct ProfileOptions {
  std::string kind = "cpu";  // Of the device, for plans.
  // Null for none: then nothing is computed and nothing timed.
  BackendMaker make_backend;
  Precision precision = Precision::kBf16;
};

// What one step of a workload asks of its device.
struct StepProfile {
  Workload workload;  // Or with smaller micro-batches that fit.
  // Each kind with the shortest time that a few steps took for all its calls.
  std::map<Call, CallCount> calls;
  // Median of a few steps that are not looked into. 0 without a device.
  double step_seconds = 0;
  // Median of a call that has next to nothing to do: as much of the time of
  // each of `calls` is launching and waiting. 0 without a device.
  double call_seconds = 0;

  int64_t tokens() const {
    return workload.batch.micro_batch_size * workload.batch.micro_batches *
           SequenceLengthOf(workload.model);
  }
};

// Makes steps as an executor with all of the model does, by its memory, its
// stages, its program and its update of the weights, but alone: nothing is
// agreed on and no checkpoint made. On a device the last steps after some
// others are timed, call by call. When its memory is short the micro-batches
// are halved, and there are twice as many.
//
// Errors: those of the planner and the backend.
absl::StatusOr<StepProfile> ProfileStep(const Workload& workload,
                                        const ProfileOptions& options);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_STEP_PROFILE_H_
