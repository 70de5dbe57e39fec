#include "coordinator/planner/choose_links.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "fmt/format.h"

namespace penstock {
namespace {

// The ranks of one pipeline that exchange tensors, both ways.
std::set<std::pair<int, int>> EdgesOfPipeline(const Plan& plan) {
  std::set<std::pair<int, int>> edges;
  const auto join = [&](int stage, int other) {
    const int a = plan.stages[stage].rank;
    const int b = plan.stages[other].rank;
    if (a == b) return;
    edges.insert({a, b});
    edges.insert({b, a});
  };
  const int stages = static_cast<int>(plan.stages.size());
  const int per_copy = StagesPerCopy(plan);
  for (int stage = 0; stage < stages; ++stage) {
    if (!IsLastStage(plan, stage)) join(stage, stage + 1);
    if (IsFirstStage(plan, stage)) join(stage, stage + per_copy - 1);
    if (stage + per_copy < stages) join(stage, stage + per_copy);
  }
  return edges;
}

std::vector<Communicator> AllCommunicators(const Plan& plan) {
  const int ranks = static_cast<int>(plan.ranks.size());
  const auto replicas = static_cast<int>(plan.spec.parallelism.data);
  std::vector<Communicator> all;
  for (const auto& [sender, receiver] : EdgesOfPipeline(plan)) {
    for (int replica = 0; replica < replicas; ++replica) {
      const int first = replica * ranks;
      all.push_back({.members = {first + sender, first + receiver}});
    }
  }
  for (int rank = 0; replicas > 1 && rank < ranks; ++rank) {
    Communicator& group = all.emplace_back(Communicator{.group = true});
    for (int replica = 0; replica < replicas; ++replica) {
      group.members.push_back(replica * ranks + rank);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Why NCCL cannot join the devices; empty when it can.
std::string ObstacleOf(const Communicator& communicator,
                       const std::vector<DeviceShape>& devices) {
  std::set<std::string> kinds;
  std::set<int> versions;
  for (const int member : communicator.members) {
    kinds.insert(devices[member].kind);
    versions.insert(devices[member].nccl_version);
  }
  if (kinds != std::set<std::string>{"cuda"}) {
    return fmt::format("{} devices", fmt::join(kinds, " and "));
  }
  if (versions.contains(0)) {
    return versions.size() == 1 ? "no NCCL on the workers"
                                : "no NCCL on one of the workers";
  }
  if (versions.size() == 1) return "";
  std::vector<std::string> texts;
  for (const int version : versions) texts.push_back(NcclVersionText(version));
  return fmt::format("different versions of NCCL, {}",
                     fmt::join(texts, " and "));
}

std::string NameOf(const Communicator& communicator, const Plan& plan) {
  const int ranks = static_cast<int>(plan.ranks.size());
  const int first = communicator.members[0];
  if (communicator.group) {
    return fmt::format("the replicas of rank {}", first % ranks);
  }
  return fmt::format("rank {} to rank {} of replica {}", first % ranks,
                     communicator.members[1] % ranks, first / ranks);
}

void Add(bool nccl, const std::string& reason, const Communicator& communicator,
         std::vector<LinkPlan>& links) {
  auto alike =
      std::find_if(links.begin(), links.end(), [&](const LinkPlan& link) {
        return link.nccl == nccl && link.reason == reason;
      });
  if (alike == links.end()) {
    alike = links.insert(links.end(), {.nccl = nccl, .reason = reason});
  }
  alike->communicators.push_back(communicator);
}

}  // namespace

absl::StatusOr<std::vector<LinkPlan>> ChooseLinks(
    const Plan& plan, const std::vector<DeviceShape>& devices) {
  const LinkChoice choice = plan.spec.parallelism.link;
  std::vector<LinkPlan> links;
  for (const Communicator& communicator : AllCommunicators(plan)) {
    const std::string obstacle = ObstacleOf(communicator, devices);
    if (choice == LinkChoice::kNccl && !obstacle.empty()) {
      return absl::FailedPreconditionError(fmt::format(
          "parallelism.link: nccl: it cannot join {}: {}; auto would do",
          NameOf(communicator, plan), obstacle));
    }
    if (choice == LinkChoice::kGrpc) {
      Add(false, "the job asks for it", communicator, links);
    } else if (obstacle.empty()) {
      const int version = devices[communicator.members[0]].nccl_version;
      Add(true,
          fmt::format("CUDA devices with NCCL {}", NcclVersionText(version)),
          communicator, links);
    } else {
      Add(false, obstacle, communicator, links);
    }
  }
  return links;
}

}  // namespace penstock
