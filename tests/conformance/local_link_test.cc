#include "worker/link/local_link.h"

#include "tests/conformance/link_conformance.h"

namespace penstock {
namespace {

std::vector<std::unique_ptr<Link>> MakeLinks(int peers) {
  std::vector<std::string> names;
  for (int i = 0; i < peers; ++i) names.push_back("rank " + std::to_string(i));
  const auto hub = LocalHub::Create(names);
  std::vector<std::unique_ptr<Link>> links;
  for (int i = 0; i < peers; ++i) links.push_back(hub->link(i));
  return links;
}

INSTANTIATE_TEST_SUITE_P(Local, LinkConformance,
                         testing::Values(LinkFactory{"local", MakeLinks}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace penstock
