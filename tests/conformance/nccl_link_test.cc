// The nccl link over a fake of NCCL's functions, with a link of the host's
// memory for its notes; every message of the suite goes over an edge.

#include "worker/link/nccl_link.h"

#include <thread>

#include "proto/base/clock.h"
#include "tests/conformance/link_conformance.h"
#include "worker/link/fake_nccl.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

// Outlives the links of every test.
FakeNccl& Nccl() {
  static FakeNccl& nccl = *new FakeNccl;
  return nccl;
}

std::vector<std::unique_ptr<Link>> MakeLinks(int peers) {
  std::vector<std::string> names;
  for (int i = 0; i < peers; ++i) names.push_back("rank " + std::to_string(i));
  const auto hub = LocalHub::Create(names);
  std::vector<std::unique_ptr<NcclLink>> links;
  std::vector<CommunicatorId> ids;
  for (int self = 0; self < peers; ++self) {
    NcclLinkOptions options{.epoch = 1,
                            .self = self,
                            .peer_names = names,
                            .carries = [](const MessageKey&) { return true; }};
    for (int peer = 0; peer < peers; ++peer) {
      if (peer == self) continue;
      options.edges.push_back({self, peer});
      options.edges.push_back({peer, self});
    }
    auto link = NcclLink::Create(options, Nccl(), Nccl(), hub->link(self));
    EXPECT_TRUE(link.ok()) << link.status();
    ids.insert(ids.end(), (*link)->ids().begin(), (*link)->ids().end());
    links.push_back(*std::move(link));
  }
  std::vector<std::thread> threads;
  for (const auto& link : links) {
    threads.emplace_back([&link, &ids] {
      const absl::Status status =
          link->Connect(ids, SteadyNow() + absl::Seconds(60));
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {std::make_move_iterator(links.begin()),
          std::make_move_iterator(links.end())};
}

// After each test: nothing is left, and nothing was done that NCCL forbids.
class NothingIsLeft : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    EXPECT_EQ(Nccl().live(), FakeNccl::Live());
    EXPECT_EQ(Nccl().TakeMisuses(), std::vector<std::string>());
  }
};

const bool kListens = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new NothingIsLeft);
  return true;
}();

INSTANTIATE_TEST_SUITE_P(Nccl, LinkConformance,
                         testing::Values(LinkFactory{"nccl", MakeLinks}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace penstock
