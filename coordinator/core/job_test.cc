#include "coordinator/core/job.h"

#include <set>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr JobState kStates[] = {
    JobState::kQueued,    JobState::kPlanning,   JobState::kStarting,
    JobState::kRunning,   JobState::kRecovering, JobState::kPaused,
    JobState::kSucceeded, JobState::kFailed,     JobState::kCancelled};

TEST(JobTest, NothingFollowsAFinalStateOrTheSame) {
  for (const JobState from : kStates) {
    EXPECT_FALSE(MayFollow(from, from)) << ToString(from);
    if (!IsFinal(from)) continue;
    for (const JobState to : kStates) EXPECT_FALSE(MayFollow(from, to));
  }
}

TEST(JobTest, EveryLivingJobMayFailOrBeCancelled) {
  for (const JobState from : kStates) {
    EXPECT_EQ(MayFollow(from, JobState::kFailed), !IsFinal(from));
    EXPECT_EQ(MayFollow(from, JobState::kCancelled), !IsFinal(from));
  }
}

TEST(JobTest, EveryStateIsReachedFromTheQueue) {
  std::set<JobState> reached = {JobState::kQueued};
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const JobState from : kStates) {
      for (const JobState to : kStates) {
        if (reached.contains(from) && MayFollow(from, to)) reached.insert(to);
      }
    }
  }
  EXPECT_EQ(reached.size(), std::size(kStates));
}

TEST(JobTest, DevicesAreTakenOnlyByWayOfPlanning) {
  for (const JobState from : kStates) {
    if (HoldsDevices(from)) continue;
    for (const JobState to : kStates) {
      EXPECT_FALSE(HoldsDevices(to) && MayFollow(from, to) &&
                   from != JobState::kPlanning);
    }
  }
}

TEST(JobTest, ATransitionSetsReasonAndTime) {
  JobRecord job;
  const absl::Time now = absl::FromUnixSeconds(7);
  Transition(job, JobState::kPlanning, "plans", now);
  EXPECT_EQ(job.state, JobState::kPlanning);
  EXPECT_EQ(job.reason, "plans");
  EXPECT_EQ(job.transition_time, now);
}

TEST(JobDeathTest, AWrongTransitionIsABrokenInvariant) {
  JobRecord job{.state = JobState::kSucceeded};
  EXPECT_DEATH(Transition(job, JobState::kQueued, "again", absl::Now()),
               "broken invariant");
}

}  // namespace
}  // namespace penstock
