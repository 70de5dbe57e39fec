// penstock-worker: offers this machine's devices to a coordinator and runs its
// stages. With --executor-fd, the process of one device that it starts itself.

#include <signal.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/base/directory_lock.h"
#include "proto/base/file.h"
#include "proto/base/log.h"
#include "proto/base/status_macros.h"
#include "proto/rpc/allocator.h"
#include "proto/rpc/channel.h"
#include "proto/version.h"
#include "worker/client/health_server.h"
#include "worker/client/worker_loop.h"
#include "worker/device_shape.h"
#include "worker/executor/executor_process.h"
#include "worker/offered_devices.h"

namespace penstock {
namespace {

struct Flags {
  std::string coordinator;
  std::string state_dir;
  std::string name;
  std::string listen = "127.0.0.1:0";
  std::string listen_host = "127.0.0.1";
  std::vector<std::string> roots;
  DeviceChoices devices;
  TlsFiles tls;
  int64_t link_latency_us = 0;
  int64_t link_bytes_per_second = 0;
  int executor_fd = -1;
  int executor_parent = 0;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--coordinator", flags.coordinator,
                 "where the coordinator listens, HOST:PORT");
  app.add_option("--state-dir", flags.state_dir,
                 "directory of this worker alone; holds its lock");
  app.add_option("--name", flags.name, "unique in the cluster");
  app.add_option("--root", flags.roots,
                 "job files' paths must lie below one of these; repeatable");
  app.add_option("--listen", flags.listen,
                 "where health checks are answered, HOST:PORT")
      ->capture_default_str();
  app.add_option("--listen-host", flags.listen_host,
                 "where executors listen for each other")
      ->capture_default_str();
  app.add_option(
         "--devices", flags.devices.cpus,
         "CPU devices to offer; default: 1, or none beside CUDA devices")
      ->check(CLI::Range(0, 64));
  app.add_option("--cuda", flags.devices.cuda,
                 "CUDA devices to offer: auto for all, none, or their indices, "
                 "as 0,1; one that is listed twice serves two executors")
      ->capture_default_str();
  app.add_option("--cuda-sharers", flags.devices.cuda_sharers,
                 "executors, those of other workers too, that share each CUDA "
                 "device and its memory; slow, for tests")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--memory-bytes", flags.devices.memory_bytes,
                 "memory to offer per device; default: what is free, shared");
  app.add_option("--tls-certificate", flags.tls.certificate, "PEM file");
  app.add_option("--tls-key", flags.tls.key, "PEM file");
  app.add_option("--tls-authority", flags.tls.authority, "PEM file");
  app.add_option("--link-latency-us", flags.link_latency_us,
                 "how much longer messages between executors take, to try out "
                 "schedules on a slow network")
      ->check(CLI::Range(0, 10'000'000));
  app.add_option("--link-bytes-per-second", flags.link_bytes_per_second,
                 "how many bytes leave an executor for another, likewise; 0: "
                 "all that can")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--executor-fd", flags.executor_fd, "for internal use");
  app.add_option("--executor-parent", flags.executor_parent,
                 "for internal use");
  app.set_version_flag("--version", std::string(kVersion));
}

absl::Status CheckFlags(const Flags& flags) {
  for (const auto& [flag, value] :
       {std::pair{"--coordinator", &flags.coordinator},
        std::pair{"--state-dir", &flags.state_dir},
        std::pair{"--name", &flags.name}}) {
    if (value->empty()) {
      return absl::InvalidArgumentError(fmt::format("{} is required", flag));
    }
  }
  return absl::OkStatus();
}

absl::Status RunWorker(Flags flags) {
  RETURN_IF_ERROR(CheckFlags(flags));
  flags.devices.name = flags.name;
  // Blocked before the first thread, so that only the one below gets them.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ASSIGN_OR_RETURN(const LockedDirectory state, LockDirectory(flags.state_dir));
  ASSIGN_OR_RETURN(auto channel, MakeChannel(flags.coordinator, flags.tls));
  ASSIGN_OR_RETURN(const auto health,
                   HealthServer::Start(flags.listen, flags.tls));
  RETURN_IF_ERROR(
      WriteFileAtomically(state.path + "/address", health->address() + "\n"));
  ASSIGN_OR_RETURN(const std::vector<OfferedDevice> offered,
                   OfferDevices(flags.devices));
  if (offered.empty()) {
    return absl::InvalidArgumentError(
        "--devices=0: with --cuda=none there is nothing to offer");
  }
  std::vector<DeviceShape> devices;
  std::vector<ExecutorPlace> places;
  for (const OfferedDevice& device : offered) {
    devices.push_back(device.shape);
    places.push_back({device.shape.kind, device.environment});
  }
  const absl::Status nccl = FindNccl(devices);
  if (!nccl.ok()) {
    spdlog::warn("tensors of CUDA devices go by gRPC status=\"{}\"",
                 nccl.ToString());
  }
  spdlog::info(
      "worker starts version={} name={} coordinator={} health={} state_dir={} "
      "roots={} devices={} kind={} memory_bytes={} gflops_per_second={:.0f}",
      kVersion, flags.name, flags.coordinator, health->address(), state.path,
      fmt::join(flags.roots, ","), devices.size(), devices[0].kind,
      devices[0].memory_bytes, devices[0].flops_per_second * 1e-9);
  WorkerLoop loop(
      {.name = flags.name,
       .version = std::string(kVersion),
       .incarnation = static_cast<uint64_t>(absl::ToUnixNanos(absl::Now())),
       .devices = devices},
      {.command = {"/proc/self/exe"},
       .listen_host = flags.listen_host,
       .roots = flags.roots,
       .tls = flags.tls,
       .places = places,
       .link_latency_us = flags.link_latency_us,
       .link_bytes_per_second = flags.link_bytes_per_second},
      channel);
  std::thread waiter([&loop, signals] {
    int signal = 0;
    ::sigwait(&signals, &signal);
    loop.Stop();
  });
  const absl::Status status = loop.Run();
  ::pthread_kill(waiter.native_handle(), SIGTERM);
  waiter.join();
  spdlog::info("worker ends status=\"{}\"", status.ToString());
  return status;
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  penstock::TuneAllocatorForTransport();
  penstock::Flags flags;
  CLI::App app("penstock-worker: offers devices to a coordinator");
  penstock::AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (flags.executor_fd >= 0) {
    penstock::InitLog("penstock-executor");
    return penstock::RunExecutorProcess(flags.executor_fd,
                                        flags.executor_parent);
  }
  penstock::InitLog("penstock-worker");
  const absl::Status status = penstock::RunWorker(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "penstock-worker: %s\n", status.ToString().c_str());
  return absl::IsInvalidArgument(status) ? 2 : 1;
}
