#include "proto/rpc/channel.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>

#include "proto/base/status_macros.h"
#include "proto/rpc/keepalive.h"
#include "proto/rpc/library.h"
#include "proto/rpc/loopback.h"

namespace penstock {
namespace {

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceivedBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // By default gRPC stops pinging after two pings without data.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A daemon that came back must be found quickly.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address, const TlsFiles& tls) {
  KeepGrpcInitialized();
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (tls.empty()) {
    if (!IsLoopback(address)) {
      return absl::FailedPreconditionError(fmt::format(
          "{} is not on this machine, so it is reached with TLS only: give "
          "--tls-certificate, --tls-key and --tls-authority",
          address));
    }
    credentials = grpc::InsecureChannelCredentials();
  } else {
    ASSIGN_OR_RETURN(TlsContents contents, ReadTlsFiles(tls));
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = contents.authority;
    options.pem_private_key = contents.key;
    options.pem_cert_chain = contents.certificate;
    credentials = grpc::SslCredentials(options);
  }
  return grpc::CreateCustomChannel(address, credentials, Arguments());
}

void WithDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoNanoseconds(timeout));
}

}  // namespace penstock
