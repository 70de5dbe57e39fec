#include "worker/executor/executor_link.h"

#include <utility>

#include "proto/base/status_macros.h"
#include "worker/executor/nccl_part.h"
#include "worker/runtime/message_tag.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<ExecutorLink>> ExecutorLink::Start(
    const Plan& plan, const GrpcLinkOptions& options,
    const NcclSource& source) {
  auto executor = std::make_unique<ExecutorLink>();
  ASSIGN_OR_RETURN(std::unique_ptr<GrpcLink> grpc, GrpcLink::Start(options));
  executor->grpc_ = grpc.get();
  const NcclPart part = NcclPartOf(plan, options.self);
  if (part.empty()) {
    executor->link_ = std::move(grpc);
    return executor;
  }
  ASSIGN_OR_RETURN(executor->library_, source.load());
  ASSIGN_OR_RETURN(executor->streams_, source.open());
  ASSIGN_OR_RETURN(std::unique_ptr<NcclLink> nccl,
                   NcclLink::Create({.epoch = options.epoch,
                                     .self = options.self,
                                     .peer_names = options.peer_names,
                                     .edges = part.edges,
                                     .group = part.group,
                                     .carries = IsTensor},
                                    *executor->library_, *executor->streams_,
                                    std::move(grpc)));
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

void ExecutorLink::Delay(const DelayedLink::Options& delay) {
  link_ = std::make_unique<DelayedLink>(std::move(link_), delay);
}

}  // namespace penstock
