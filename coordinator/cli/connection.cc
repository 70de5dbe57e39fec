#include "coordinator/cli/connection.h"

#include <random>
#include <thread>

#include "absl/strings/ascii.h"
#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/rpc/channel.h"

namespace penstock {
namespace {

constexpr int kAttemptsMax = 5;
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
// Making a plan simulates a step; everything else is quicker.
constexpr absl::Duration kCallTimeout = absl::Seconds(20);

}  // namespace

void AddConnectionFlags(CLI::App& command, ConnectionFlags& flags) {
  command
      .add_option("--state-dir", flags.state_dir,
                  "Cluster that `penstock up` started there")
      ->envname("PENSTOCK_STATE_DIR")
      ->option_text("DIR");
  command.add_option("--address", flags.address, "Address of the coordinator")
      ->envname("PENSTOCK_ADDRESS")
      ->option_text("HOST:PORT");
  command
      .add_option("--tls-certificate", flags.tls.certificate,
                  "Certificate of this client")
      ->option_text("PEM");
  command.add_option("--tls-key", flags.tls.key, "Key of that certificate")
      ->option_text("PEM");
  command
      .add_option("--tls-authority", flags.tls.authority,
                  "What the coordinator's certificate is signed by")
      ->option_text("PEM");
}

std::string FlagsText(const ConnectionFlags& flags) {
  if (!flags.address.empty()) return " --address " + flags.address;
  if (!flags.state_dir.empty()) return " --state-dir " + flags.state_dir;
  return "";
}

absl::StatusOr<std::string> ResolveAddress(const ConnectionFlags& flags) {
  if (!flags.address.empty()) return flags.address;
  if (flags.state_dir.empty()) {
    return absl::InvalidArgumentError(
        "which cluster? Give --state-dir DIR (as given to penstock up) or "
        "--address HOST:PORT");
  }
  const absl::StatusOr<std::string> address =
      ReadFile(flags.state_dir + "/coordinator/address", /*size_max=*/1024);
  if (!address.ok()) {
    return absl::UnavailableError(fmt::format(
        "no cluster in {0} ({1}); start one with: penstock up --workers 4 "
        "--state-dir {0}",
        flags.state_dir, std::string(address.status().message())));
  }
  return std::string(absl::StripAsciiWhitespace(*address));
}

absl::Status ExplainUnavailable(const absl::Status& status,
                                const ConnectionFlags& flags) {
  if (!absl::IsUnavailable(status)) return status;
  const absl::StatusOr<std::string> address = ResolveAddress(flags);
  // Its message says all.
  if (!address.ok()) return address.status();
  // A server that wants a certificate closes the socket of who shows none, or
  // another authority's, without a word.
  return absl::UnavailableError(fmt::format(
      "no answer from the coordinator at {}: {}; does it run{}? See: penstock "
      "doctor{}",
      *address, std::string(status.message()),
      flags.tls.empty() ? ", and without TLS" : ", and trust this certificate",
      FlagsText(flags)));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(
    const ConnectionFlags& flags) {
  ASSIGN_OR_RETURN(const std::string address, ResolveAddress(flags));
  return MakeChannel(address, flags.tls);
}

absl::Status CallWithRetries(
    const ConnectionFlags& flags,
    const std::function<absl::Status(const std::shared_ptr<grpc::Channel>&,
                                     grpc::ClientContext&)>& attempt) {
  absl::Duration pause = kFirstPause;
  for (int i = 1;; ++i) {
    ASSIGN_OR_RETURN(const auto channel, Connect(flags));
    grpc::ClientContext context;
    WithDeadline(context, kCallTimeout);
    const absl::Status status = attempt(channel, context);
    if (!absl::IsUnavailable(status) || i == kAttemptsMax) {
      return ExplainUnavailable(status, flags);
    }
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(pause));
    pause *= 2;
  }
}

std::string NewRequestId() {
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", device());
  return id;
}

}  // namespace penstock
