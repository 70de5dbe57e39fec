#ifndef TESTS_GPU_SAME_CALLS_H_
#define TESTS_GPU_SAME_CALLS_H_

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/gpu/step_profile.h"

namespace penstock::gpu {

// A device was asked, in `timed`, for what `counted` counted without one.
inline void ExpectSameCalls(const absl::StatusOr<StepProfile>& counted,
                            const absl::StatusOr<StepProfile>& timed) {
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

}  // namespace penstock::gpu

#endif  // TESTS_GPU_SAME_CALLS_H_
