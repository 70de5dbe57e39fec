#include "proto/base/supervisor.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

TEST(SupervisorTest, SendsTheStateToTheSocketOfTheEnvironment) {
  // An abstract socket: paths of test directories are too long for sun_path.
  const std::string name = fmt::format("penstock-supervisor-test-{}", getpid());
  const FileDescriptor socket_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX};
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const socklen_t size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), size),
            0);
  setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  NotifySupervisor("READY=1");
  unsetenv("NOTIFY_SOCKET");
  char text[64];
  const ssize_t received =
      recv(socket_fd.get(), text, sizeof(text), MSG_DONTWAIT);
  ASSERT_GT(received, 0);
  EXPECT_EQ(std::string(text, static_cast<size_t>(received)), "READY=1");
}

TEST(SupervisorTest, ExpectsNoWatchdogUnlessAsked) {
  unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(WatchdogInterval(), absl::InfiniteDuration());
}

TEST(SupervisorTest, PetsTheWatchdogTwiceAsOftenAsAsked) {
  setenv("WATCHDOG_USEC", "10000000", 1);
  EXPECT_EQ(WatchdogInterval(), absl::Seconds(5));
  unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace penstock
