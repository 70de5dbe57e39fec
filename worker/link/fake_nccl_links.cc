#include "worker/link/fake_nccl_links.h"

#include <thread>
#include <utility>

#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "worker/link/local_link.h"

namespace penstock {

absl::StatusOr<std::vector<std::unique_ptr<NcclLink>>> MakeFakeNcclLinks(
    FakeNccl& nccl, const std::vector<std::string>& names,
    const std::vector<std::vector<std::vector<int>>>& edges,
    const std::vector<std::vector<int>>& groups,
    const std::function<bool(const MessageKey&)>& carries) {
  const auto hub = LocalHub::Create(names);
  std::vector<std::unique_ptr<NcclLink>> links;
  std::vector<CommunicatorId> ids;
  for (size_t self = 0; self < names.size(); ++self) {
    ASSIGN_OR_RETURN(
        std::unique_ptr<NcclLink> link,
        NcclLink::Create({.epoch = 1,
                          .self = static_cast<int>(self),
                          .peer_names = names,
                          .edges = edges[self],
                          .group = groups[self],
                          .carries = carries},
                         nccl, nccl, hub->link(static_cast<int>(self))));
    ids.insert(ids.end(), link->ids().begin(), link->ids().end());
    links.push_back(std::move(link));
  }
  std::vector<absl::Status> results(links.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < links.size(); ++i) {
    threads.emplace_back([&, i] {
      results[i] = links[i]->Connect(ids, SteadyNow() + absl::Seconds(60));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) RETURN_IF_ERROR(result);
  return links;
}

}  // namespace penstock
