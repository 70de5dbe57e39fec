// How fast tensors go from one process to another on this machine: through
// GrpcLink and through a plain TCP socket, in turn. Prints medians, the spread
// and the CPU time that both ends spend.
//
//   bazel run //tests/benchmark:link_benchmark [rounds]
//
// The child receives, the parent sends. Both cycle through a few buffers, as a
// pipeline does with its activations, so the receiver posts its next buffer
// while earlier ones are being filled. The clock stops when the child says that
// it has everything.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"
#include "proto/rpc/allocator.h"
#include "worker/link/grpc_link.h"

namespace penstock {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kBuffers = 4;
constexpr uint64_t kBytesPerRound = 1 << 30;
constexpr int kRoundTrips = 2000;

enum class Kind : int { kQuit, kTcp, kGrpc, kGrpcRoundTrips };

struct Command {
  Kind kind = Kind::kQuit;
  uint64_t size = 0;
  uint64_t count = 0;
  uint64_t step = 0;  // Makes the keys of each command new.
};

struct Report {
  double cpu_seconds = 0;  // Of the child, for this command.
};

template <typename T>
void Put(int fd, const T& value) {
  PENSTOCK_CHECK(write(fd, &value, sizeof(value)) == sizeof(value));
}

template <typename T>
T Get(int fd) {
  T value;
  PENSTOCK_CHECK(recv(fd, &value, sizeof(value), MSG_WAITALL) == sizeof(value));
  return value;
}

void CheckOk(const absl::Status& status) {
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  PENSTOCK_CHECK(status.ok());
}

absl::Time Never() { return SteadyNow() + absl::Minutes(5); }

double CpuSeconds() {
  rusage usage;
  PENSTOCK_CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

// One end: a TCP connection and a link to the other process.
struct End {
  int control = -1;
  int tcp = -1;
  std::unique_ptr<GrpcLink> link;
  int peer = 0;
};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int ListenOnLoopback(int control) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  PENSTOCK_CHECK(bind(fd, generic, size) == 0 && listen(fd, 1) == 0);
  PENSTOCK_CHECK(getsockname(fd, generic, &size) == 0);
  Put(control, address.sin_port);
  const int connection = accept(fd, nullptr, nullptr);
  PENSTOCK_CHECK(connection >= 0);
  close(fd);
  return connection;
}

int ConnectToLoopback(int control) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(ntohs(Get<uint16_t>(control)));
  PENSTOCK_CHECK(
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

struct Address {
  char text[64] = {};
};

End MakeEnd(int control, int self) {
  End end{.control = control, .peer = 1 - self};
  end.tcp = self == 0 ? ConnectToLoopback(control) : ListenOnLoopback(control);
  auto link = GrpcLink::Start({.job = "benchmark",
                               .epoch = 1,
                               .self = self,
                               .peer_names = {"sender", "receiver"}});
  CheckOk(link.status());
  end.link = *std::move(link);
  Address address;
  end.link->address().copy(address.text, sizeof(address.text) - 1);
  Put(control, address);
  std::vector<std::string> addresses(2);
  addresses[end.peer] = Get<Address>(control).text;
  CheckOk(end.link->Connect(addresses, Never()));
  return end;
}

void ReceiveTcp(const End& end, const Command& command,
                std::vector<Bytes>& buffers) {
  for (uint64_t i = 0; i < command.count; ++i) {
    std::byte* data = buffers[i % kBuffers].data();
    PENSTOCK_CHECK(recv(end.tcp, data, command.size, MSG_WAITALL) ==
                   static_cast<ssize_t>(command.size));
  }
}

void SendTcp(const End& end, const Command& command,
             const std::vector<Bytes>& buffers) {
  for (uint64_t i = 0; i < command.count; ++i) {
    CheckOk(WriteAll(end.tcp, {buffers[i % kBuffers].data(), command.size},
                     "socket"));
  }
}

void ReceiveGrpc(const End& end, const Command& command,
                 std::vector<Bytes>& buffers) {
  for (uint64_t i = 0; i < command.count + kBuffers; ++i) {
    if (i >= kBuffers) {
      CheckOk(end.link->WaitReceived(end.peer, {command.step, i - kBuffers},
                                     Never()));
    }
    if (i < command.count) {
      CheckOk(
          end.link->PostReceive(end.peer, {command.step, i},
                                {buffers[i % kBuffers].data(), command.size}));
    }
  }
}

void SendGrpc(const End& end, const Command& command,
              const std::vector<Bytes>& buffers) {
  for (uint64_t i = 0; i < command.count + kBuffers; ++i) {
    if (i >= kBuffers) {
      CheckOk(
          end.link->WaitSent(end.peer, {command.step, i - kBuffers}, Never()));
    }
    if (i < command.count) {
      CheckOk(end.link->Send(end.peer, {command.step, i},
                             {buffers[i % kBuffers].data(), command.size}));
    }
  }
}

// The first of the two ends sends first.
void PlayRoundTrips(const End& end, const Command& command, bool first) {
  Bytes out(command.size);
  Bytes in(command.size);
  for (uint64_t i = 0; i < command.count; ++i) {
    const MessageKey key{command.step, i};
    CheckOk(end.link->PostReceive(end.peer, key, in));
    if (!first) CheckOk(end.link->WaitReceived(end.peer, key, Never()));
    CheckOk(end.link->Send(end.peer, key, out));
    if (first) CheckOk(end.link->WaitReceived(end.peer, key, Never()));
    CheckOk(end.link->WaitSent(end.peer, key, Never()));
  }
}

void RunChild(int control) {
  const End end = MakeEnd(control, 1);
  std::vector<Bytes> buffers(kBuffers, Bytes(16 << 20));
  while (true) {
    const auto command = Get<Command>(control);
    const double cpu_begin = CpuSeconds();
    switch (command.kind) {
      case Kind::kQuit:
        return;
      case Kind::kTcp:
        ReceiveTcp(end, command, buffers);
        break;
      case Kind::kGrpc:
        ReceiveGrpc(end, command, buffers);
        break;
      case Kind::kGrpcRoundTrips:
        PlayRoundTrips(end, command, /*first=*/false);
        break;
    }
    Put(control, Report{.cpu_seconds = CpuSeconds() - cpu_begin});
  }
}

struct Sample {
  double seconds = 0;
  double cpu_seconds = 0;
};

Sample Run(const End& end, const Command& command,
           const std::vector<Bytes>& buffers) {
  const double cpu_begin = CpuSeconds();
  const absl::Time begin = SteadyNow();
  Put(end.control, command);
  switch (command.kind) {
    case Kind::kQuit:
      return {};
    case Kind::kTcp:
      SendTcp(end, command, buffers);
      break;
    case Kind::kGrpc:
      SendGrpc(end, command, buffers);
      break;
    case Kind::kGrpcRoundTrips:
      PlayRoundTrips(end, command, /*first=*/true);
      break;
  }
  const auto report = Get<Report>(end.control);
  return {.seconds = absl::ToDoubleSeconds(SteadyNow() - begin),
          .cpu_seconds = CpuSeconds() - cpu_begin + report.cpu_seconds};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void PrintRow(const char* name, uint64_t size,
              const std::vector<Sample>& samples) {
  std::vector<double> rates;
  std::vector<double> costs;
  for (const Sample& sample : samples) {
    rates.push_back(kBytesPerRound / sample.seconds * 1e-9);
    costs.push_back(sample.cpu_seconds / (kBytesPerRound * 1e-9));
  }
  const auto [low, high] = std::minmax_element(rates.begin(), rates.end());
  fmt::print(
      "{:<6} {:>3} MiB  {:5.2f} GB/s  ({:.2f} to {:.2f})  {:.2f} CPU-s "
      "per GB\n",
      name, size >> 20, Median(rates), *low, *high, Median(costs));
}

void RunParent(int control, int rounds) {
  const End end = MakeEnd(control, 0);
  const std::vector<Bytes> buffers(kBuffers, Bytes(16 << 20, std::byte{1}));
  uint64_t step = 0;
  fmt::print("{} rounds of {} MiB each, medians (lowest to highest)\n", rounds,
             kBytesPerRound >> 20);
  for (const uint64_t size : {1 << 20, 16 << 20}) {
    std::vector<Sample> tcp;
    std::vector<Sample> grpc;
    // The first round only faults memory in.
    for (int round = 0; round <= rounds; ++round) {
      Command command{.size = size, .count = kBytesPerRound / size};
      command.kind = Kind::kTcp;
      command.step = ++step;
      tcp.push_back(Run(end, command, buffers));
      command.kind = Kind::kGrpc;
      command.step = ++step;
      grpc.push_back(Run(end, command, buffers));
    }
    tcp.erase(tcp.begin());
    grpc.erase(grpc.begin());
    PrintRow("tcp", size, tcp);
    PrintRow("grpc", size, grpc);
  }
  std::vector<double> trips;
  for (int round = 0; round < rounds; ++round) {
    const Sample sample = Run(end,
                              {.kind = Kind::kGrpcRoundTrips,
                               .size = 64,
                               .count = kRoundTrips,
                               .step = ++step},
                              buffers);
    trips.push_back(sample.seconds / kRoundTrips * 1e6);
  }
  fmt::print("grpc, 64 bytes there and back: {:.0f} us\n", Median(trips));
  Run(end, {.kind = Kind::kQuit}, buffers);
}

int Main(int argc, char** argv) {
  TuneAllocatorForTransport();
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  int control[2];
  PENSTOCK_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, control) == 0);
  // gRPC does not survive a fork, so this comes before its first use.
  const pid_t child = fork();
  PENSTOCK_CHECK(child >= 0);
  if (child == 0) {
    close(control[0]);
    RunChild(control[1]);
    return 0;
  }
  close(control[1]);
  RunParent(control[0], rounds);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) { return penstock::Main(argc, argv); }
