// Processes that are joined by NCCL on one GPU, as executors are on several:
//
//   nccl_link PROCESSES [kill]
//
// Each tells NCCL that it is a host of its own (NCCL_HOSTID), for one device
// may not be two members of a host's; so data go over sockets, and times mean
// nothing. Neighbours exchange tensors both ways and all exchange in a group;
// with `kill`, the last process then dies in the middle of a transfer, and the
// one before must say so within ten seconds. One line per check; the exit
// status is 0 if all passed, 3 without a GPU.

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cuda_runtime_api.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/communicator_proto.h"
#include "proto/internal/v1/executor.pb.h"
#include "worker/executor/executor_link.h"
#include "worker/executor/message_stream.h"
#include "worker/runtime/message_tag.h"

namespace penstock {
namespace {

constexpr size_t kSizes[] = {4, 4096, (1 << 20) + 4, 32 << 20};
constexpr size_t kBytesMax = 32 << 20;
constexpr absl::Duration kWaitMax = absl::Seconds(60);
constexpr absl::Duration kNoticeMax = absl::Seconds(10);

Plan PlanOf(int processes) {
  Plan plan;
  plan.spec.name = "nccl_link";
  LinkPlan& link = plan.links.emplace_back(LinkPlan{.nccl = true});
  Communicator group{.group = true};
  for (int i = 0; i < processes; ++i) {
    group.members.push_back(i);
    if (i + 1 == processes) break;
    link.communicators.push_back({.members = {i, i + 1}});
    link.communicators.push_back({.members = {i + 1, i}});
  }
  link.communicators.push_back(group);
  return plan;
}

void SetEnvironment(int self) {
  const std::string host = "process" + std::to_string(self);
  ::setenv("NCCL_HOSTID", host.c_str(), 1);
  for (const auto& [name, value] :
       {std::pair{"NCCL_SOCKET_IFNAME", "lo"}, std::pair{"NCCL_NET", "Socket"},
        std::pair{"NCCL_IB_DISABLE", "1"}, std::pair{"NCCL_MNNVL_ENABLE", "0"},
        std::pair{"NCCL_NVLS_ENABLE", "0"}, std::pair{"NCCL_CUMEM_ENABLE", "0"},
        std::pair{"NCCL_RAS_ENABLE", "0"}, std::pair{"NCCL_PROTO", "Simple"}}) {
    ::setenv(name, value, 0);
  }
}

// Device memory with a pattern, or none yet.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : bytes_(bytes) {
    void* memory = nullptr;
    failed_ = ::cudaMalloc(&memory, bytes) != cudaSuccess;
    memory_ = static_cast<std::byte*>(memory);
  }
  ~Buffer() { ::cudaFree(memory_); }

  void Fill(int value) {
    failed_ |= ::cudaMemset(memory_, value, bytes_) != cudaSuccess ||
               ::cudaDeviceSynchronize() != cudaSuccess;
  }
  bool Holds(int value, size_t count) {
    std::vector<unsigned char> host(count);
    if (failed_ || ::cudaMemcpy(host.data(), memory_, count,
                                cudaMemcpyDeviceToHost) != cudaSuccess) {
      return false;
    }
    return host ==
           std::vector<unsigned char>(count, static_cast<unsigned char>(value));
  }
  std::span<std::byte> bytes(size_t count) const { return {memory_, count}; }

 private:
  const size_t bytes_;
  std::byte* memory_ = nullptr;
  bool failed_ = false;
};

class Process {
 public:
  Process(int self, int processes) : self_(self), processes_(processes) {}

  absl::Status Join(MessageStream& parent) {
    ExecutorLinkOptions options{
        .grpc = {.job = "nccl_link", .epoch = 1, .self = self_}};
    for (int i = 0; i < processes_; ++i) {
      options.grpc.peer_names.push_back("process " + std::to_string(i));
    }
    ASSIGN_OR_RETURN(link_, ExecutorLink::Start(PlanOf(processes_), options));
    internal::v1::Ready ready;
    ready.set_transport_address(link_->address());
    CommunicatorIdsToProto(link_->communicators(),
                           ready.mutable_communicators());
    RETURN_IF_ERROR(parent.Write(ready));
    internal::v1::Run run;
    RETURN_IF_ERROR(parent.Read(run));
    ASSIGN_OR_RETURN(const auto ids,
                     CommunicatorIdsFromProto(run.communicators()));
    return link_->Connect({run.peers().begin(), run.peers().end()}, ids,
                          SteadyNow() + kWaitMax);
  }

  // With the next and the previous process, both ways.
  absl::Status ExchangeTensors() {
    Buffer out(kBytesMax);
    out.Fill(self_ + 1);
    uint64_t step = 0;
    for (const size_t size : kSizes) {
      ++step;
      for (const int peer : {self_ - 1, self_ + 1}) {
        if (peer < 0 || peer >= processes_) continue;
        Buffer in(kBytesMax);
        in.Fill(0);
        const MessageKey key = Key(step);
        Link& link = link_->link();
        RETURN_IF_ERROR(link.PostReceive(peer, key, in.bytes(size)));
        RETURN_IF_ERROR(link.Send(peer, key, out.bytes(size)));
        RETURN_IF_ERROR(link.WaitReceived(peer, key, SteadyNow() + kWaitMax));
        RETURN_IF_ERROR(link.WaitSent(peer, key, SteadyNow() + kWaitMax));
        if (!in.Holds(peer + 1, size)) {
          return absl::DataLossError("a tensor has other bytes");
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status ExchangeInGroup() {
    Buffer out(kBytesMax);
    out.Fill(self_ + 1);
    std::vector<std::unique_ptr<Buffer>> in;
    std::vector<GroupPart> parts;
    for (int i = 0; i < processes_; ++i) {
      in.push_back(std::make_unique<Buffer>(kBytesMax));
      parts.push_back(
          {.send = out.bytes(1 << 20), .receive = in.back()->bytes(1 << 20)});
    }
    RETURN_IF_ERROR(link_->replicas()->Exchange(parts, SteadyNow() + kWaitMax));
    for (int i = 0; i < processes_; ++i) {
      if (i != self_ && !in[i]->Holds(i + 1, 1 << 20)) {
        return absl::DataLossError("a member's part has other bytes");
      }
    }
    return absl::OkStatus();
  }

  // The last process dies as its neighbour sends to it.
  absl::Status SurviveADeath() {
    Buffer buffer(kBytesMax);
    Link& link = link_->link();
    const int last = processes_ - 1;
    for (uint64_t step = 100;; ++step) {
      if (self_ == last) {
        RETURN_IF_ERROR(
            link.PostReceive(last - 1, Key(step), buffer.bytes(kBytesMax)));
        if (step == 110) ::raise(SIGKILL);
        RETURN_IF_ERROR(
            link.WaitReceived(last - 1, Key(step), SteadyNow() + kWaitMax));
      } else if (self_ == last - 1) {
        RETURN_IF_ERROR(link.Send(last, Key(step), buffer.bytes(kBytesMax)));
        const absl::Status sent =
            link.WaitSent(last, Key(step), SteadyNow() + kNoticeMax);
        if (sent.ok()) continue;
        std::printf("process %d was told: %s\n", self_,
                    sent.ToString().c_str());
        return absl::IsUnavailable(sent) ? absl::OkStatus() : sent;
      } else {
        return absl::OkStatus();
      }
    }
  }

 private:
  static MessageKey Key(uint64_t step) {
    return MakeKey(static_cast<int64_t>(step), MessageKind::kActivation, 0, 0);
  }

  const int self_;
  const int processes_;
  std::unique_ptr<ExecutorLink> link_;
};

// The exit status of process `self`.
int RunProcess(int self, int processes, bool kill, int socket) {
  SetEnvironment(self);
  MessageStream parent{FileDescriptor(socket)};
  Process process(self, processes);
  bool passed = true;
  const auto check = [&](const char* what, const absl::Status& status) {
    passed = passed && status.ok();
    std::printf("process %d %-18s %s\n", self, what, status.ToString().c_str());
    std::fflush(stdout);
  };
  check("joins", process.Join(parent));
  if (passed) check("exchanges tensors", process.ExchangeTensors());
  if (passed) check("exchanges in group", process.ExchangeInGroup());
  if (passed && kill) check("survives a death", process.SurviveADeath());
  return passed ? 0 : 1;
}

// Tells each what all have said, as the coordinator does.
absl::Status Introduce(std::vector<std::unique_ptr<MessageStream>>& children) {
  internal::v1::Run run;
  for (const auto& child : children) {
    internal::v1::Ready ready;
    RETURN_IF_ERROR(child->Read(ready));
    run.add_peers(ready.transport_address());
    run.mutable_communicators()->MergeFrom(ready.communicators());
  }
  for (const auto& child : children) RETURN_IF_ERROR(child->Write(run));
  return absl::OkStatus();
}

// Forks before anything has a thread or knows of the device.
int RunAll(int processes, bool kill) {
  std::vector<std::unique_ptr<MessageStream>> children;
  std::vector<pid_t> pids;
  for (int self = 0; self < processes; ++self) {
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
      return 1;
    }
    const pid_t pid = ::fork();
    if (pid == 0) {
      children.clear();
      ::close(sockets[0]);
      return RunProcess(self, processes, kill, sockets[1]);
    }
    ::close(sockets[1]);
    children.push_back(
        std::make_unique<MessageStream>(FileDescriptor(sockets[0])));
    pids.push_back(pid);
  }
  const absl::Status introduced = Introduce(children);
  if (!introduced.ok()) {
    std::printf("parent: %s\n", introduced.ToString().c_str());
  }
  children.clear();
  bool passed = introduced.ok();
  for (int self = 0; self < processes; ++self) {
    int status = 0;
    ::waitpid(pids[self], &status, 0);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    const bool ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    passed = passed && (kill && self + 1 == processes ? killed : ended);
  }
  std::printf("%s\n", passed ? "passed" : "FAILED");
  return passed ? 0 : 1;
}

// In a process of its own: who has asked CUDA must not fork.
bool HasDevice() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    int count = 0;
    ::_exit(::cudaGetDeviceCount(&count) == cudaSuccess && count > 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  const int processes = argc > 1 ? std::atoi(argv[1]) : 0;
  const bool kill = argc > 2 && std::strcmp(argv[2], "kill") == 0;
  if (processes < 2 || processes > 8) {
    std::fprintf(stderr, "usage: nccl_link PROCESSES (2 to 8) [kill]\n");
    return 2;
  }
  if (!penstock::HasDevice()) {
    std::printf("no CUDA device\n");
    return 3;
  }
  return penstock::RunAll(processes, kill);
}
