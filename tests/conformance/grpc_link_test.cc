#include "worker/link/grpc_link.h"

#include "proto/base/clock.h"
#include "tests/conformance/link_conformance.h"

namespace penstock {
namespace {

std::vector<std::unique_ptr<Link>> MakeLinks(int peers) {
  std::vector<std::string> names;
  for (int i = 0; i < peers; ++i) names.push_back("rank " + std::to_string(i));
  std::vector<std::unique_ptr<GrpcLink>> links;
  std::vector<std::string> addresses;
  for (int i = 0; i < peers; ++i) {
    auto link = GrpcLink::Start(
        {.job = "job", .epoch = 1, .self = i, .peer_names = names});
    EXPECT_TRUE(link.ok()) << link.status();
    addresses.push_back((*link)->address());
    links.push_back(*std::move(link));
  }
  for (const auto& link : links) {
    const absl::Status status =
        link->Connect(addresses, SteadyNow() + absl::Seconds(60));
    EXPECT_TRUE(status.ok()) << status;
  }
  return {std::make_move_iterator(links.begin()),
          std::make_move_iterator(links.end())};
}

INSTANTIATE_TEST_SUITE_P(Grpc, LinkConformance,
                         testing::Values(LinkFactory{"grpc", MakeLinks}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace penstock
