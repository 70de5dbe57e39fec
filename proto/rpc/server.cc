#include "proto/rpc/server.h"

#include <fmt/format.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <sys/resource.h>

#include <chrono>

#include "proto/base/status_macros.h"
#include "proto/rpc/keepalive.h"
#include "proto/rpc/library.h"
#include "proto/rpc/loopback.h"

namespace penstock {
namespace {

// Every connection is an open file; the usual soft limit of 1024 is reached by
// mistake. A failure leaves the limit as it is, which is no reason to stop.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Credentials(
    const RpcServerOptions& options) {
  if (options.tls.empty()) {
    if (IsLoopback(options.address)) return grpc::InsecureServerCredentials();
    return absl::FailedPreconditionError(fmt::format(
        "{} can be reached from other machines, so it is served with TLS only: "
        "give --tls-certificate, --tls-key and --tls-authority, or listen on "
        "127.0.0.1",
        options.address));
  }
  ASSIGN_OR_RETURN(TlsContents contents, ReadTlsFiles(options.tls));
  grpc::SslServerCredentialsOptions ssl(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = contents.authority;
  ssl.pem_key_cert_pairs.push_back({contents.key, contents.certificate});
  return grpc::SslServerCredentials(ssl);
}

void Configure(const RpcServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  // Otherwise a second daemon on the same port would start and take half of
  // the first one's connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kPingIntervalMinMs);
  grpc::ResourceQuota quota("server");
  quota.SetMaxThreads(options.threads_max);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const RpcServerOptions& options,
    const std::vector<grpc::Service*>& services) {
  const size_t colon = options.address.rfind(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not of the form host:port", options.address));
  }
  KeepGrpcInitialized();
  RaiseDescriptorLimit();
  ASSIGN_OR_RETURN(auto credentials, Credentials(options));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  Configure(options, builder);
  std::unique_ptr<RpcServer> server(new RpcServer);
  server->host_ = options.address.substr(0, colon);
  builder.AddListeningPort(options.address, credentials, &server->port_);
  for (grpc::Service* service : services) builder.RegisterService(service);
  options.configure(builder);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ <= 0) {
    return absl::UnavailableError(fmt::format(
        "cannot listen on {}: the port is taken, or the address is not this "
        "machine's",
        options.address));
  }
  server->SetServing(true);
  return server;
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

std::string RpcServer::address() const {
  return fmt::format("{}:{}", host_, port_);
}

void RpcServer::SetServing(bool serving) {
  if (auto* health = server_->GetHealthCheckService()) {
    health->SetServingStatus(serving);
  }
}

void RpcServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoNanoseconds(grace));
}

}  // namespace penstock
