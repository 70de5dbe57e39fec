#ifndef WORKER_RUNTIME_PEERS_H_
#define WORKER_RUNTIME_PEERS_H_

#include <string>
#include <vector>

#include "fmt/format.h"
#include "proto/plan.h"

namespace penstock {

// Executors of a plan are numbered for their links: replica * ranks + rank.
inline int PeerOf(const Plan& plan, int replica, int rank) {
  return replica * static_cast<int>(plan.ranks.size()) + rank;
}

// One for each peer, for messages: "rank 1 of replica 0".
inline std::vector<std::string> PeerNames(const Plan& plan) {
  std::vector<std::string> names;
  for (int64_t replica = 0; replica < plan.spec.parallelism.data; ++replica) {
    for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
      names.push_back(fmt::format("rank {} of replica {}", rank, replica));
    }
  }
  return names;
}

}  // namespace penstock

#endif  // WORKER_RUNTIME_PEERS_H_
