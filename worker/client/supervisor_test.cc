// Runs itself as the executor: see main.

#include "worker/client/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/mutex.h"

namespace penstock {
namespace {

constexpr char kRole[] = "PENSTOCK_TEST_EXECUTOR";

// What the executor program does. It has its end of the socket at 3.
int BeExecutor(std::string_view role) {
  MessageStream stream{FileDescriptor(3)};
  internal::v1::FromExecutor ready;
  if (role == "crashes") ::abort();
  if (role == "babbles") {
    if (::write(3, "\1\0\0\0\377", 5) == 5) ::pause();
  }
  if (role == "deaf") {
    ready.mutable_ready()->set_transport_address("deaf");
    stream.Write(ready).IgnoreError();
    ::pause();
  }
  internal::v1::ToExecutor order;
  while (stream.Read(order).ok()) {
    if (order.has_run()) return 7;
    ready.mutable_ready()->set_transport_address(
        role == "tells its device" ? order.prepare().device()
                                   : order.prepare().assignment().job());
    stream.Write(ready).IgnoreError();
  }
  return 0;
}

class SupervisorTest : public testing::Test {
 protected:
  void Start(const std::string& role,
             const std::string& program = "/proc/self/exe",
             const ExecutorPlace& place = {}) {
    ::setenv(kRole, role.c_str(), /*overwrite=*/1);
    supervisor_ = std::make_unique<Supervisor>(
        Supervisor::Options{.command = {program},
                            .places = {place},
                            .tell_max = absl::Milliseconds(100)},
        [this](int device, ExecutorEvent event) {
          EXPECT_EQ(device, 0);
          MutexLock lock(mutex_);
          events_.push_back(std::move(event));
          changed_.NotifyAll();
        });
    supervisor_->CarryOut(
        StartExecutor{.device = 0,
                      .assignment = {.job = "gpt2", .epoch = 1},
                      .plan = std::make_shared<const Plan>()});
  }

  // The next event of that type; others before it are dropped.
  template <typename T>
  std::optional<T> Wait() {
    const absl::Time deadline = SteadyNow() + absl::Seconds(30);
    MutexLock lock(mutex_);
    while (true) {
      while (!events_.empty()) {
        const ExecutorEvent event = std::move(events_.front());
        events_.pop_front();
        if (const T* wanted = std::get_if<T>(&event)) return *wanted;
      }
      if (!changed_.WaitUntil(mutex_, deadline)) return std::nullopt;
    }
  }

  std::string HowItEnded() {
    const auto exited = Wait<ExecutorExited>();
    return exited.has_value() ? exited->how : "not at all";
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<ExecutorEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Supervisor> supervisor_;  // Last: its threads fill the above.
};

TEST_F(SupervisorTest, TellsItsOrdersAndTheExitCode) {
  Start("answers");
  const auto ready = Wait<ExecutorReady>();
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->transport_address, "gpt2");
  supervisor_->CarryOut(SendRun{.device = 0, .peers = {"a:1"}});
  EXPECT_EQ(HowItEnded(), "exited with code 7");
}

TEST_F(SupervisorTest, AnExecutorHasItsDeviceAndItsSettings) {
  Start("crashes", "/proc/self/exe",
        {.kind = "cuda",
         .environment = {std::string(kRole) + "=tells its device"}});
  const auto ready = Wait<ExecutorReady>();
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->transport_address, "cuda");
}

TEST_F(SupervisorTest, KillsAndSaysSo) {
  Start("answers");
  ASSERT_TRUE(Wait<ExecutorReady>().has_value());
  supervisor_->CarryOut(KillExecutor{.device = 0});
  EXPECT_EQ(HowItEnded(), "killed by signal 9 (Killed)");
  // What comes too late hits nobody.
  supervisor_->CarryOut(KillExecutor{.device = 0});
}

TEST_F(SupervisorTest, SaysWhichSignalEndedAnExecutor) {
  Start("crashes");
  EXPECT_EQ(HowItEnded(), "killed by signal 6 (Aborted)");
}

TEST_F(SupervisorTest, KillsAnExecutorThatSendsNonsense) {
  Start("babbles");
  const auto failed = Wait<ExecutorFailed>();
  ASSERT_TRUE(failed.has_value());
  EXPECT_FALSE(failed->status.ok());
  EXPECT_EQ(HowItEnded(), "killed by signal 9 (Killed)");
}

TEST_F(SupervisorTest, KillsAnExecutorThatDoesNotRead) {
  Start("deaf");
  ASSERT_TRUE(Wait<ExecutorReady>().has_value());
  // More than a socket's buffer holds.
  supervisor_->CarryOut(
      SendRun{.device = 0, .peers = {std::string(size_t{16} << 20, 'a')}});
  const auto failed = Wait<ExecutorFailed>();
  ASSERT_TRUE(failed.has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded(failed->status)) << failed->status;
  EXPECT_EQ(HowItEnded(), "killed by signal 9 (Killed)");
}

TEST_F(SupervisorTest, ReportsAProgramThatDoesNotExist) {
  Start("none", "/no/such/program");
  const auto failed = Wait<ExecutorFailed>();
  ASSERT_TRUE(failed.has_value());
  EXPECT_TRUE(absl::IsNotFound(failed->status)) << failed->status;
  EXPECT_EQ(HowItEnded(), "never started");
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]).starts_with("--executor-fd=")) {
    return penstock::BeExecutor(::getenv(penstock::kRole));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
