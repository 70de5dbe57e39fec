#include "worker/executor/executor_process.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "proto/base/file.h"
#include "proto/internal/v1/executor.pb.h"
#include "worker/executor/message_stream.h"

namespace penstock {
namespace {

struct Outcome {
  int exit_code = -1;
  internal::v1::FromExecutor said;
};

// Runs an executor, which is told that `parent` is its worker, with an empty
// order.
Outcome RunAs(pid_t parent) {
  int sockets[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(sockets[0]);
    ::_exit(RunExecutorProcess(sockets[1], parent));
  }
  ::close(sockets[1]);
  MessageStream stream{FileDescriptor(sockets[0])};
  internal::v1::ToExecutor order;
  order.mutable_prepare();
  stream.Write(order).IgnoreError();
  Outcome outcome;
  stream.Read(outcome.said).IgnoreError();
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

TEST(ExecutorProcessTest, SaysWhyItFailed) {
  const Outcome outcome = RunAs(::getpid());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.said.has_failed()) << outcome.said.ShortDebugString();
  EXPECT_FALSE(outcome.said.failed().message().empty());
}

TEST(ExecutorProcessTest, EndsWhenItsWorkerIsGoneAlready) {
  // Any number but ours: the process that the executor was given to.
  const Outcome outcome = RunAs(::getppid());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_FALSE(outcome.said.has_failed());
}

}  // namespace
}  // namespace penstock
