// A profile of the CUDA backend itself, whose memory the host cannot touch.

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "tests/gpu/same_calls.h"
#include "tests/gpu/step_profile.h"

namespace penstock::gpu {
namespace {

TEST(StepProfileEmulatedTest, ADeviceIsAskedForWhatWasCountedWithoutOne) {
  const Workload workload{.name = "tiny",
                          .model = Gpt2Config{.layers = 1,
                                              .hidden = 16,
                                              .heads = 2,
                                              .sequence_length = 8,
                                              .vocabulary = 61},
                          .batch = {.micro_batches = 2}};
  const auto counted = ProfileStep(workload, {.kind = "cuda"});
  const auto timed = ProfileStep(workload, {.kind = "cuda", .make_backend = [] {
                                              return MakeCudaBackend(0);
                                            }});
  ExpectSameCalls(counted, timed);
}

}  // namespace
}  // namespace penstock::gpu
