#include "worker/link/staged_link.h"

#include <memory>
#include <string>
#include <vector>

#include "tests/conformance/link_conformance.h"
#include "worker/link/late_copy_queue.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

std::vector<std::unique_ptr<Link>> MakeLinks(int peers) {
  std::vector<std::string> names;
  for (int i = 0; i < peers; ++i) names.push_back("rank " + std::to_string(i));
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(names);
  std::vector<std::unique_ptr<Link>> links;
  for (int self = 0; self < peers; ++self) {
    links.push_back(std::make_unique<StagedLink>(
        hub->link(self),
        StagedLink::Options{.peers = peers,
                            .on_device = [](const MessageKey&) { return true; },
                            .out = std::make_unique<LateCopyQueue>(),
                            .in = std::make_unique<LateCopyQueue>()}));
  }
  return links;
}

INSTANTIATE_TEST_SUITE_P(Staged, LinkConformance,
                         testing::Values(LinkFactory{"staged", MakeLinks}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace penstock
