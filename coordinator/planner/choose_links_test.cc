#include "coordinator/planner/choose_links.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

const DeviceShape kCpu{.kind = "cpu"};
const DeviceShape kGpu{.kind = "cuda", .nccl_version = 22809};
const DeviceShape kOldGpu{.kind = "cuda", .nccl_version = 22703};
const DeviceShape kBareGpu{.kind = "cuda"};

// One stage per rank.
Plan Pipeline(int ranks, int replicas) {
  Plan plan;
  plan.spec.parallelism = {.pipeline = ranks, .data = replicas};
  plan.ranks.resize(ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    plan.stages.push_back({.rank = rank});
  }
  return plan;
}

Communicator Edge(int sender, int receiver) {
  return {.members = {sender, receiver}};
}

// Of the way of `communicator`.
LinkPlan Find(const std::vector<LinkPlan>& links,
              const Communicator& communicator) {
  for (const LinkPlan& link : links) {
    for (const Communicator& c : link.communicators) {
      if (c == communicator) return link;
    }
  }
  ADD_FAILURE() << "no way";
  return {};
}

TEST(ChooseLinksTest, ARankOfItsOwnNeedsNone) {
  EXPECT_TRUE(ChooseLinks(Pipeline(1, 1), {kGpu})->empty());
}

TEST(ChooseLinksTest, JoinsEqualGpusAndSaysWhichNccl) {
  const auto links = ChooseLinks(Pipeline(3, 1), {kGpu, kGpu, kGpu});
  ASSERT_EQ(links->size(), 1u);
  EXPECT_TRUE((*links)[0].nccl);
  EXPECT_EQ((*links)[0].reason, "CUDA devices with NCCL 2.28.9");
  // Neighbours, and the ends with their tied embedding.
  EXPECT_EQ((*links)[0].communicators,
            (std::vector<Communicator>{Edge(0, 1), Edge(0, 2), Edge(1, 0),
                                       Edge(1, 2), Edge(2, 0), Edge(2, 1)}));
}

TEST(ChooseLinksTest, ChoosesForEachEdgeOfMixedWorkers) {
  const auto links =
      ChooseLinks(Pipeline(5, 1), {kGpu, kGpu, kCpu, kBareGpu, kOldGpu});
  EXPECT_TRUE(Find(*links, Edge(0, 1)).nccl);
  EXPECT_TRUE(Find(*links, Edge(1, 0)).nccl);
  for (const auto& [edge, reason] :
       {std::pair{Edge(1, 2), "cpu and cuda devices"},
        std::pair{Edge(2, 1), "cpu and cuda devices"},
        std::pair{Edge(3, 4), "no NCCL on one of the workers"},
        std::pair{Edge(4, 0),
                  "different versions of NCCL, 2.27.3 and 2.28.9"}}) {
    EXPECT_FALSE(Find(*links, edge).nccl);
    EXPECT_EQ(Find(*links, edge).reason, reason);
  }
}

TEST(ChooseLinksTest, SumsOverReplicasHaveAWayOfTheirOwn) {
  const auto links = ChooseLinks(Pipeline(2, 2), {kGpu, kGpu, kGpu, kCpu});
  const LinkPlan first = Find(*links, {.group = true, .members = {0, 2}});
  EXPECT_TRUE(first.nccl);
  EXPECT_EQ(first.communicators[0], Edge(0, 1));
  const LinkPlan second = Find(*links, {.group = true, .members = {1, 3}});
  EXPECT_FALSE(second.nccl);
  EXPECT_FALSE(Find(*links, Edge(2, 3)).nccl);
}

TEST(ChooseLinksTest, CopiesOfASliceExchangeTheirGradients) {
  // A bidirectional pipeline of two ranks and two slices.
  Plan plan = Pipeline(2, 1);
  plan.copies = 2;
  plan.stages.push_back({.rank = 1});
  plan.stages.push_back({.rank = 0});
  const auto links = ChooseLinks(plan, {kGpu, kGpu});
  EXPECT_EQ((*links)[0].communicators,
            (std::vector<Communicator>{Edge(0, 1), Edge(1, 0)}));
}

TEST(ChooseLinksTest, TakesGrpcWhenTheJobAsksForIt) {
  Plan plan = Pipeline(2, 1);
  plan.spec.parallelism.link = LinkChoice::kGrpc;
  const auto links = ChooseLinks(plan, {kGpu, kGpu});
  ASSERT_EQ(links->size(), 1u);
  EXPECT_FALSE((*links)[0].nccl);
  EXPECT_EQ((*links)[0].reason, "the job asks for it");
}

TEST(ChooseLinksTest, RefusesNcclWhereItCannotBe) {
  Plan plan = Pipeline(2, 2);
  plan.spec.parallelism.link = LinkChoice::kNccl;
  EXPECT_TRUE(ChooseLinks(plan, {kGpu, kGpu, kGpu, kGpu}).ok());
  EXPECT_EQ(ChooseLinks(plan, {kGpu, kGpu, kCpu, kGpu}).status(),
            absl::FailedPreconditionError(
                "parallelism.link: nccl: it cannot join rank 0 to rank 1 of "
                "replica 1: cpu and cuda devices; auto would do"));
  EXPECT_EQ(ChooseLinks(plan, {kOldGpu, kOldGpu, kGpu, kGpu}).status(),
            absl::FailedPreconditionError(
                "parallelism.link: nccl: it cannot join the replicas of rank "
                "0: different versions of NCCL, 2.27.3 and 2.28.9; auto would "
                "do"));
}

}  // namespace
}  // namespace penstock
