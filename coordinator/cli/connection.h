#ifndef COORDINATOR_CLI_CONNECTION_H_
#define COORDINATOR_CLI_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "proto/rpc/tls.h"

namespace penstock {

// Which cluster a command talks to. Thread-compatible; copied freely.
struct ConnectionFlags {
  std::string state_dir;  // Of `penstock up`; used when `address` is empty.
  std::string address;    // "host:port".
  TlsFiles tls;           // Needed when the coordinator is on another machine.
};

// Adds --state-dir, --address and --tls-*; the first two also come from
// PENSTOCK_STATE_DIR and PENSTOCK_ADDRESS.
void AddConnectionFlags(CLI::App& command, ConnectionFlags& flags);

// The flags as they are typed, with a space before: " --state-dir DIR". For
// commands that a message proposes.
std::string FlagsText(const ConnectionFlags& flags);

// The coordinator's address now: a restarted one has another.
//
// Errors:
//   InvalidArgument: neither a state directory nor an address was given.
//   Unavailable: there is no coordinator in the state directory.
absl::StatusOr<std::string> ResolveAddress(const ConnectionFlags& flags);

// Unavailable with the address and what to try next; others as they are.
absl::Status ExplainUnavailable(const absl::Status& status,
                                const ConnectionFlags& flags);

// A channel to the coordinator; connects with its first call.
//
// Errors: those of ResolveAddress and MakeChannel.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(
    const ConnectionFlags& flags);

// Calls `attempt` on a fresh channel, again after Unavailable, at most five
// times within some 3 s. A mutating call must therefore carry a request id.
//
// Errors: those of Connect; the last of `attempt`.
absl::Status CallWithRetries(
    const ConnectionFlags& flags,
    const std::function<absl::Status(const std::shared_ptr<grpc::Channel>&,
                                     grpc::ClientContext&)>& attempt);

// A new id for one wish, to be sent with every attempt at it.
std::string NewRequestId();

}  // namespace penstock

#endif  // COORDINATOR_CLI_CONNECTION_H_
