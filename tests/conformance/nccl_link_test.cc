// The nccl link over a fake of NCCL's functions, with a link of the host's
// memory for its notes; every message of the suite goes over an edge.

#include "worker/link/nccl_link.h"

#include "tests/conformance/link_conformance.h"
#include "worker/link/fake_nccl.h"
#include "worker/link/fake_nccl_links.h"

namespace penstock {
namespace {

// Outlives the links of every test.
FakeNccl& Nccl() {
  static FakeNccl& nccl = *new FakeNccl;
  return nccl;
}

std::vector<std::unique_ptr<Link>> MakeLinks(int peers) {
  std::vector<std::string> names;
  std::vector<std::vector<std::vector<int>>> edges(peers);
  for (int self = 0; self < peers; ++self) {
    names.push_back("rank " + std::to_string(self));
    for (int peer = 0; peer < peers; ++peer) {
      if (peer == self) continue;
      edges[self].push_back({self, peer});
      edges[self].push_back({peer, self});
    }
  }
  auto links = MakeFakeNcclLinks(Nccl(), names, edges,
                                 std::vector<std::vector<int>>(peers),
                                 [](const MessageKey&) { return true; });
  EXPECT_TRUE(links.ok()) << links.status();
  return {std::make_move_iterator(links->begin()),
          std::make_move_iterator(links->end())};
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
