#include "coordinator/cli/process.h"

#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

ProcessId Start(const std::string& script) {
  const auto process = StartDaemon({"/bin/sh", "-c", script},
                                   testing::TempDir() + "/process_test_log");
  EXPECT_TRUE(process.ok()) << process.status();
  return process.ok() ? *process : ProcessId();
}

// A daemon says when it is ready, in its log.
bool LogHas(const std::string& text) {
  const absl::Time deadline = SteadyNow() + absl::Seconds(20);
  while (SteadyNow() < deadline) {
    const auto log = ReadFile(testing::TempDir() + "/process_test_log");
    if (log.ok() && log->find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(ProcessTest, StopsWhatItStarted) {
  const ProcessId process = Start("exec sleep 600");
  EXPECT_TRUE(IsAlive(process));
  EXPECT_TRUE(StopProcesses({process}, absl::Seconds(20)).ok());
  EXPECT_FALSE(IsAlive(process));
}

TEST(ProcessTest, KillsWhatIgnoresTheRequest) {
  const ProcessId process = Start(
      "trap '' TERM; echo ignores-term; while true; do read x < /dev/zero; "
      "done");
  ASSERT_TRUE(LogHas("ignores-term"));
  EXPECT_TRUE(StopProcesses({process}, absl::Milliseconds(50)).ok());
  EXPECT_FALSE(IsAlive(process));
}

TEST(ProcessTest, SparesAProcessWithAReusedPid) {
  const ProcessId other = Start("exec sleep 600");
  ProcessId before = other;
  before.start_ticks -= 1;
  EXPECT_FALSE(IsAlive(before));
  EXPECT_TRUE(StopProcesses({before}, absl::Seconds(20)).ok());
  EXPECT_TRUE(IsAlive(other));
  EXPECT_TRUE(StopProcesses({other}, absl::Seconds(20)).ok());
}

TEST(ProcessTest, HasASessionOfItsOwn) {
  const ProcessId process = Start("exec sleep 600");
  EXPECT_EQ(getsid(process.pid), process.pid);
  EXPECT_TRUE(StopProcesses({process}, absl::Seconds(20)).ok());
}

TEST(ProcessTest, NamesAProgramThatIsNotThere) {
  const auto process =
      StartDaemon({"/nonexistent/daemon"}, testing::TempDir() + "/log");
  EXPECT_EQ(process.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(process.status().message(),
            "start /nonexistent/daemon: No such file or directory");
}

}  // namespace
}  // namespace penstock
