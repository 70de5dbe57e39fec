// penstock-coordinator: plans jobs and tells workers what to execute.

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "coordinator/service/coordinator_server.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/supervisor.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/health.h"
#include "proto/version.h"

namespace penstock {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

// Of calls that run at a SIGTERM; supervisors kill after ten times that.
constexpr absl::Duration kGrace = absl::Seconds(1);

std::string CheckDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration >= absl::Seconds(1) &&
      duration <= absl::Hours(1)) {
    return "";
  }
  return fmt::format("{}: a duration of 1s to 1h is accepted, as 30s", text);
}

// Blocks the signals that end the daemon, so that no thread is killed by them
// and main can wait for them. Called before the first thread starts.
sigset_t BlockSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Asks the server over its own port, as a client would: a daemon that lives but
// cannot be reached shall be restarted.
absl::Status Probe(const CoordinatorServer& server, const TlsFiles& tls) {
  auto channel = MakeChannel(server.address(), tls);
  if (!channel.ok()) return channel.status();
  return CheckHealth(*channel, absl::Seconds(2));
}

// Returns at SIGTERM or SIGINT.
void WaitForSignal(const sigset_t& signals, const CoordinatorServer& server,
                   const TlsFiles& tls) {
  const absl::Duration interval =
      std::min(WatchdogInterval(), absl::Duration(absl::Hours(1)));
  while (true) {
    const timespec timeout = absl::ToTimespec(interval);
    const int received = sigtimedwait(&signals, nullptr, &timeout);
    if (received > 0) {
      spdlog::info("signal received signal={}", strsignal(received));
      return;
    }
    // With TLS the certificate need not name the address that is listened on,
    // so only an open port without TLS can be asked.
    const absl::Status alive =
        tls.empty() ? Probe(server, tls) : absl::Status();
    if (alive.ok()) {
      NotifySupervisor("WATCHDOG=1");
    } else {
      spdlog::error("self-probe failed status=\"{}\"", alive.ToString());
    }
  }
}

void LogConfiguration(const CoordinatorServerOptions& options) {
  spdlog::info(
      "configuration version={} state_dir={} listen={} roots=[{}] lease={} "
      "interval={} tls={}",
      kVersion, options.state_directory, options.listen,
      fmt::join(options.roots, ","), absl::FormatDuration(options.lease),
      absl::FormatDuration(options.interval),
      options.tls.empty() ? "off" : "on");
}

int Serve(const CoordinatorServerOptions& options) {
  const sigset_t signals = BlockSignals();
  LogConfiguration(options);
  absl::StatusOr<std::unique_ptr<CoordinatorServer>> server =
      CoordinatorServer::Start(options);
  if (!server.ok()) {
    spdlog::error("start failed status=\"{}\"", server.status().ToString());
    std::fprintf(stderr, "penstock-coordinator: %s\n",
                 std::string(server.status().message()).c_str());
    return kExitFailure;
  }
  spdlog::info("serving address={}", (*server)->address());
  NotifySupervisor(
      fmt::format("READY=1\nSTATUS=serving {}", (*server)->address()));
  WaitForSignal(signals, **server, options.tls);
  NotifySupervisor("STOPPING=1");
  (*server)->Stop(kGrace);
  spdlog::info("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  CoordinatorServerOptions options;
  std::string lease = "30s";
  CLI::App app("Plans training jobs and tells workers what to execute.",
               "penstock-coordinator");
  app.set_version_flag("--version", std::string(kVersion));
  app.add_option("--state-dir", options.state_directory,
                 "Directory for the journal, checkpoints and the address file; "
                 "required");
  app.add_option("--listen", options.listen,
                 "host:port to serve on; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--root", options.roots,
                 "Directory below which jobs may name files; repeatable")
      ->allow_extra_args(false);
  app.add_option("--lease", lease, "Silence after which a worker is lost")
      ->check(CheckDuration)
      ->capture_default_str();
  app.add_option("--tls-certificate", options.tls.certificate,
                 "PEM certificate; clients must have one of --tls-authority");
  app.add_option("--tls-key", options.tls.key, "PEM key of the certificate");
  app.add_option("--tls-authority", options.tls.authority,
                 "PEM certificate that signed those of clients and workers");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  // Not CLI11's `required`: that would hide which flag is unknown.
  if (options.state_directory.empty()) {
    std::fprintf(stderr, "penstock-coordinator: --state-dir is required\n");
    return kExitUsage;
  }
  absl::ParseDuration(lease, &options.lease);
  // Three reports may be lost before a worker is.
  options.interval = std::min(options.interval, options.lease / 4);
  return Serve(options);
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  penstock::InitLog("coordinator");
  return penstock::Main(argc, argv);
}
