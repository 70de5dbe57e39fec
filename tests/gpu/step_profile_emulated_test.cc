// A profile of the CUDA backend itself, whose memory the host cannot touch.

#include "gtest/gtest.h"
#include "kernels/backend.h"
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
  ASSERT_TRUE(counted.ok()) << counted.status();
  ASSERT_TRUE(timed.ok()) << timed.status();
  ASSERT_EQ(counted->calls.size(), timed->calls.size());
  auto it = timed->calls.begin();
  for (const auto& [call, count] : counted->calls) {
    EXPECT_EQ(call, it->first) << call.operation;
    EXPECT_EQ(count.calls, it->second.calls) << call.operation;
    ++it;
  }
}

}  // namespace
}  // namespace penstock::gpu
