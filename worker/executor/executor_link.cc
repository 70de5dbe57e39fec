#include "worker/executor/executor_link.h"

#include <utility>

#include "proto/base/status_macros.h"
#include "worker/executor/nccl_part.h"
#include "worker/link/staged_link.h"
#include "worker/runtime/message_tag.h"

namespace penstock {
namespace {

// `link` for tensors where the executor has them.
absl::StatusOr<std::unique_ptr<Link>> OfTensors(
    std::unique_ptr<Link> link, const ExecutorLinkOptions& options) {
  if (options.delay.delays()) {
    link = std::make_unique<DelayedLink>(std::move(link), options.delay);
  }
  if (options.make_copies == nullptr) return link;
  StagedLink::Options staging{
      .peers = static_cast<int>(options.grpc.peer_names.size()),
      .on_device = IsTensor};
  ASSIGN_OR_RETURN(staging.out, options.make_copies());
  ASSIGN_OR_RETURN(staging.in, options.make_copies());
  return std::make_unique<StagedLink>(std::move(link), std::move(staging));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecutorLink>> ExecutorLink::Start(
    const Plan& plan, const ExecutorLinkOptions& options) {
  auto executor = std::make_unique<ExecutorLink>();
  ASSIGN_OR_RETURN(std::unique_ptr<GrpcLink> grpc,
                   GrpcLink::Start(options.grpc));
  executor->grpc_ = grpc.get();
  ASSIGN_OR_RETURN(std::unique_ptr<Link> host,
                   OfTensors(std::move(grpc), options));
  const NcclPart part = NcclPartOf(plan, options.grpc.self);
  if (part.empty()) {
    executor->link_ = std::move(host);
    return executor;
  }
  ASSIGN_OR_RETURN(executor->library_, options.nccl.load());
  ASSIGN_OR_RETURN(executor->streams_, options.nccl.open());
  ASSIGN_OR_RETURN(std::unique_ptr<NcclLink> nccl,
                   NcclLink::Create({.epoch = options.grpc.epoch,
                                     .self = options.grpc.self,
                                     .peer_names = options.grpc.peer_names,
                                     .edges = part.edges,
                                     .group = part.group,
                                     .carries = IsTensor},
                                    *executor->library_, *executor->streams_,
                                    std::move(host)));
  executor->nccl_ = nccl.get();
  executor->link_ = std::move(nccl);
  return executor;
}

std::vector<CommunicatorId> ExecutorLink::communicators() const {
  if (nccl_ == nullptr) return {};
  return nccl_->ids();
}

absl::Status ExecutorLink::Connect(
    const std::vector<std::string>& peers,
    const std::vector<CommunicatorId>& communicators, absl::Time deadline) {
  RETURN_IF_ERROR(grpc_->Connect(peers, deadline));
  if (nccl_ == nullptr) return absl::OkStatus();
  return nccl_->Connect(communicators, deadline);
}

}  // namespace penstock
