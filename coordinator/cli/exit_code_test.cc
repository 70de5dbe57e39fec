#include "coordinator/cli/exit_code.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

// Scripts depend on these numbers.
TEST(ExitCodeTest, SaysWhatKindOfFailure) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), 4);
}

TEST(ExitCodeTest, SaysHowAJobEnded) {
  EXPECT_EQ(ExitCodeOf(v1::JOB_STATE_SUCCEEDED), 0);
  EXPECT_EQ(ExitCodeOf(v1::JOB_STATE_FAILED), 10);
  EXPECT_EQ(ExitCodeOf(v1::JOB_STATE_CANCELLED), 11);
  EXPECT_EQ(ExitCodeOf(v1::JOB_STATE_RECOVERING), 12);
  EXPECT_TRUE(IsFinal(v1::JOB_STATE_FAILED));
  EXPECT_FALSE(IsFinal(v1::JOB_STATE_PAUSED));
}

}  // namespace
}  // namespace penstock
