#include "coordinator/cli/follow.h"

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/sample_job.h"
#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

class FollowTest : public testing::Test {
 protected:
  FollowTest() {
    std::filesystem::create_directories(flags_.state_dir + "/coordinator");
  }

  // What a coordinator does when it begins to serve.
  void WriteAddress(const std::string& address) {
    ASSERT_TRUE(WriteFileAtomically(flags_.state_dir + "/coordinator/address",
                                    address + "\n")
                    .ok());
  }

  // Reads the states of the job until the stream ends.
  absl::Status Watch(const FollowOptions& options) {
    v1::WatchRequest request;
    request.set_name("kjv");
    return Follow(flags_, options,
                  [&](const std::shared_ptr<grpc::Channel>& channel,
                      grpc::ClientContext& call, bool& received) {
                    const auto reader =
                        v1::Jobs::NewStub(channel)->Watch(&call, request);
                    return ReadAll<v1::Job>(
                        *reader, call, received, [&](const v1::Job& job) {
                          request.set_after_revision(job.revision());
                          revisions_.push_back(job.revision());
                          return true;
                        });
                  });
  }

  ConnectionFlags flags_{.state_dir = testing::TempDir() + "follow_test"};
  std::vector<uint64_t> revisions_;
  Cancellation cancellation_;
};

v1::Job Revision(uint64_t revision, v1::JobState state) {
  v1::Job job = SampleJob();
  job.set_revision(revision);
  job.set_state(state);
  return job;
}

TEST_F(FollowTest, FindsARestartedCoordinatorAtItsNewAddress) {
  FakeCoordinator before;
  before.jobs.changes = {Revision(1, v1::JOB_STATE_RUNNING)};
  before.jobs.breaks = 1;
  FakeCoordinator after;
  after.jobs.changes = {Revision(1, v1::JOB_STATE_RUNNING),
                        Revision(2, v1::JOB_STATE_SUCCEEDED)};
  WriteAddress(before.server->address());
  int lost = 0;
  const absl::Status status =
      Watch({.cancellation = &cancellation_, .on_lost = [&](const auto&) {
               ++lost;
               WriteAddress(after.server->address());
             }});
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(revisions_, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(after.jobs.watched_revisions(), (std::vector<uint64_t>{1}));
}

TEST_F(FollowTest, CancellingEndsAStreamThatIsOpen) {
  FakeCoordinator coordinator;
  coordinator.jobs.changes = {Revision(1, v1::JOB_STATE_RUNNING)};
  coordinator.jobs.on_watch_idle = [&] { cancellation_.Cancel(); };
  WriteAddress(coordinator.server->address());
  EXPECT_EQ(Watch({.cancellation = &cancellation_}).code(),
            absl::StatusCode::kCancelled);
  // And those to come.
  EXPECT_EQ(Watch({.cancellation = &cancellation_}).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(FollowTest, EndsAtTheDeadline) {
  FakeCoordinator coordinator;
  coordinator.jobs.changes = {Revision(1, v1::JOB_STATE_RUNNING)};
  WriteAddress(coordinator.server->address());
  EXPECT_EQ(Watch({.cancellation = &cancellation_,
                   .deadline = absl::Now() + absl::Milliseconds(200)})
                .code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(FollowTest, LosesPatienceWithACoordinatorThatIsGone) {
  WriteAddress("127.0.0.1:1");
  int lost = 0;
  const absl::Status status = Watch({.cancellation = &cancellation_,
                                     .on_lost = [&](const auto&) { ++lost; },
                                     .patience = absl::Milliseconds(100)});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_GE(lost, 1);
  EXPECT_NE(std::string(status.message())
                .find("no answer from the coordinator at 127.0.0.1:1"),
            std::string::npos);
}

TEST(CancellationTest, WakesAWaiter) {
  Cancellation cancellation;
  const absl::Time begin = SteadyNow();
  std::thread waiter([&] { cancellation.Wait(absl::Minutes(10)); });
  cancellation.Cancel();
  waiter.join();
  EXPECT_LT(SteadyNow() - begin, absl::Minutes(1));
  EXPECT_TRUE(cancellation.IsCancelled());
}

}  // namespace
}  // namespace penstock
