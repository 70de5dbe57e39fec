#include "proto/link_plan_proto.h"

#include <string>

#include "fmt/format.h"

namespace penstock {
namespace {

absl::Status Refuse(int link, const std::string& what) {
  return absl::InvalidArgumentError(
      fmt::format("plan.links[{}].{}", link, what));
}

bool IsBelow(int value, int limit) { return value >= 0 && value < limit; }

}  // namespace

void LinksToProto(const Plan& plan, v1::Plan& message) {
  for (const LinkPlan& link : plan.links) {
    v1::LinkPlan& out = *message.add_links();
    out.set_link(link.nccl ? "nccl" : "grpc");
    out.set_reason(link.reason);
    for (const Communicator& communicator : link.communicators) {
      if (communicator.group) {
        // The first replica's.
        out.add_summing_ranks(communicator.members[0]);
      } else {
        out.add_senders(communicator.members[0]);
        out.add_receivers(communicator.members[1]);
      }
    }
  }
}

absl::Status LinksFromProto(const v1::Plan& message, Plan& plan) {
  const auto ranks = static_cast<int>(plan.spec.parallelism.pipeline);
  const auto replicas = static_cast<int>(plan.spec.parallelism.data);
  for (int i = 0; i < message.links_size(); ++i) {
    const v1::LinkPlan& in = message.links(i);
    LinkPlan& link = plan.links.emplace_back();
    if (in.link() != "nccl" && in.link() != "grpc") {
      return Refuse(
          i, fmt::format("link: \"{}\": must be nccl or grpc", in.link()));
    }
    link.nccl = in.link() == "nccl";
    link.reason = in.reason();
    if (in.senders_size() != in.receivers_size()) {
      return Refuse(i, fmt::format("receivers: {}: must be {}, as senders",
                                   in.receivers_size(), in.senders_size()));
    }
    for (int edge = 0; edge < in.senders_size(); ++edge) {
      const int sender = in.senders(edge);
      const int receiver = in.receivers(edge);
      if (!IsBelow(sender, ranks * replicas) ||
          !IsBelow(receiver, ranks * replicas) || sender == receiver) {
        return Refuse(i, fmt::format("senders: {} to {}: must be two of {} "
                                     "executors",
                                     sender, receiver, ranks * replicas));
      }
      link.communicators.push_back({.members = {sender, receiver}});
    }
    for (const int rank : in.summing_ranks()) {
      if (!IsBelow(rank, ranks) || replicas < 2) {
        return Refuse(i, fmt::format("summing_ranks: {}: must be one of {} "
                                     "ranks with several replicas",
                                     rank, ranks));
      }
      Communicator& group =
          link.communicators.emplace_back(Communicator{.group = true});
      for (int replica = 0; replica < replicas; ++replica) {
        group.members.push_back(replica * ranks + rank);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace penstock
