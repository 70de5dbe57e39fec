// Replicas as threads over the local link, or in a group of the nccl link over
// a fake of NCCL.

#include "worker/runtime/gradient_reducer.h"

#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/random.h"
#include "worker/link/fake_nccl.h"
#include "worker/link/fake_nccl_links.h"
#include "worker/link/local_link.h"
#include "worker/link/nccl_link.h"
#include "worker/runtime/message_tag.h"

namespace penstock {
namespace {

std::vector<float> RandomGradients(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values)
    value = static_cast<float>(random.Uniform() - 0.5);
  return values;
}

// One rank of one replica with `count` gradients and nothing else.
struct Replica {
  RankMemory memory;
  std::vector<float> gradients;
  std::vector<float> chunks;
};

// Their groups.
std::vector<std::unique_ptr<NcclLink>> Join(FakeNccl& nccl, int replicas) {
  std::vector<std::string> names;
  std::vector<int> group;
  for (int r = 0; r < replicas; ++r) {
    names.push_back("replica " + std::to_string(r));
    group.push_back(r);
  }
  auto links = MakeFakeNcclLinks(
      nccl, names, std::vector<std::vector<std::vector<int>>>(replicas),
      std::vector<std::vector<int>>(replicas, group), IsTensor);
  EXPECT_TRUE(links.ok()) << links.status();
  return *std::move(links);
}

std::vector<float> Reduce(int replicas, int64_t count, bool in_group) {
  Plan plan;
  plan.spec.parallelism.data = replicas;
  plan.ranks.resize(1);
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(replicas);
  std::vector<Replica> members(replicas);
  std::vector<std::unique_ptr<Link>> links;
  std::vector<LinkGroup*> groups(replicas);
  FakeNccl nccl;
  auto joined = Join(nccl, replicas);
  std::vector<std::thread> threads;
  for (int r = 0; r < replicas; ++r) {
    if (in_group) groups[r] = joined[r]->group();
    Replica& member = members[r];
    member.gradients = RandomGradients(count, r);
    member.chunks.resize(replicas * kReduceChunkFloats);
    StageMemory& stage = member.memory.stages.emplace_back();
    stage.gradients = member.gradients.data();
    stage.gradient_count = count;
    member.memory.reduce_chunks = member.chunks.data();
    links.push_back(hub->link(r));
  }
  for (int r = 0; r < replicas; ++r) {
    threads.emplace_back([&plan, &members, &links, &groups, r] {
      GradientReducer reducer(plan, {.replica = r}, members[r].memory,
                              *links[r], groups[r], MakeCpuBackend(),
                              absl::Seconds(30));
      reducer.Start(/*step=*/1, /*stage=*/0);
      EXPECT_TRUE(reducer.Wait().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Replica& member : members) {
    EXPECT_EQ(member.gradients, members[0].gradients);
  }
  return members[0].gradients;
}

TEST(GradientReducerTest, AddsInTheOrderOfTheReplicasAndGivesAllTheSum) {
  for (const int replicas : {2, 3, 4}) {
    for (const int64_t count :
         {int64_t{1}, kReduceChunkFloats, 3 * kReduceChunkFloats + 7}) {
      SCOPED_TRACE(testing::Message() << replicas << " x " << count);
      std::vector<float> expected = RandomGradients(count, 0);
      for (int r = 1; r < replicas; ++r) {
        const std::vector<float> share = RandomGradients(count, r);
        for (int64_t i = 0; i < count; ++i) expected[i] += share[i];
      }
      EXPECT_EQ(Reduce(replicas, count, /*in_group=*/false), expected);
      EXPECT_EQ(Reduce(replicas, count, /*in_group=*/true), expected);
    }
  }
}

// Two ranks of a bidirectional pipeline: rank 0 has slice 0 of copy 0 and slice
// 1 of copy 1, rank 1 the others.
TEST(GradientReducerTest, AddsTheCopiesOfASliceInTheirOrder) {
  constexpr int64_t kCount = 2 * kReduceChunkFloats + 5;
  Plan plan{.stages = {{.rank = 0}, {.rank = 1}, {.rank = 1}, {.rank = 0}},
            .copies = 2};
  plan.ranks.resize(2);
  const std::vector<std::vector<int>> order = {{0, 3}, {2, 1}};  // By slice.
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(2);
  std::vector<std::vector<float>> gradients;
  for (int stage = 0; stage < 4; ++stage) {
    gradients.push_back(RandomGradients(kCount, stage));
  }
  const auto before = gradients;
  std::vector<std::unique_ptr<Link>> links;
  for (int rank = 0; rank < 2; ++rank) links.push_back(hub->link(rank));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      std::vector<float> chunks(2 * kReduceChunkFloats);
      RankMemory memory;
      memory.reduce_chunks = chunks.data();
      for (const int stage : order[rank]) {
        memory.stages.push_back({.stage = stage,
                                 .gradients = gradients[stage].data(),
                                 .gradient_count = kCount});
      }
      GradientReducer reducer(plan, {.rank = rank}, memory, *links[rank],
                              /*replicas=*/nullptr, MakeCpuBackend(),
                              absl::Seconds(30));
      for (const int stage : order[rank]) reducer.StartCopies(1, stage);
      EXPECT_TRUE(reducer.Wait().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int slice : {0, 1}) {
    for (int64_t i = 0; i < kCount; ++i) {
      const float sum = before[slice][i] + before[2 + slice][i];
      ASSERT_EQ(gradients[slice][i], sum) << i;
      ASSERT_EQ(gradients[2 + slice][i], sum) << i;
    }
  }
}

TEST(GradientReducerTest, EndsWhenTheLinkIsAborted) {
  Plan plan;
  plan.spec.parallelism.data = 2;
  plan.ranks.resize(1);
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(2);
  const std::unique_ptr<Link> link = hub->link(0);
  const std::unique_ptr<Link> silent = hub->link(1);
  Replica member;
  member.gradients.resize(8);
  member.chunks.resize(2 * kReduceChunkFloats);
  StageMemory& stage = member.memory.stages.emplace_back();
  stage.gradients = member.gradients.data();
  stage.gradient_count = 8;
  member.memory.reduce_chunks = member.chunks.data();
  GradientReducer reducer(plan, {.replica = 0}, member.memory, *link,
                          /*replicas=*/nullptr, MakeCpuBackend(),
                          absl::Seconds(30));
  reducer.Start(1, 0);
  link->Abort(absl::AbortedError("enough"));
  EXPECT_EQ(reducer.Wait().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace penstock
