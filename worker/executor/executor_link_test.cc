// Two executors of a plan in one process, with a fake of NCCL where the plan
// has that, and the real gRPC.

#include "worker/executor/executor_link.h"

#include <thread>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/executor/nccl_part.h"
#include "worker/link/fake_nccl.h"
#include "worker/runtime/message_tag.h"

namespace penstock {
namespace {

absl::Time Never() { return SteadyNow() + absl::Seconds(60); }

// Two ranks with one or two replicas, all by NCCL.
Plan NcclPlan(int replicas) {
  Plan plan;
  plan.spec.name = "job";
  plan.spec.parallelism = {.pipeline = 2, .data = replicas};
  LinkPlan& link = plan.links.emplace_back(LinkPlan{.nccl = true});
  for (int first = 0; first < 2 * replicas; first += 2) {
    link.communicators.push_back({.members = {first, first + 1}});
    link.communicators.push_back({.members = {first + 1, first}});
  }
  if (replicas == 2) {
    link.communicators.push_back({.group = true, .members = {0, 2}});
    link.communicators.push_back({.group = true, .members = {1, 3}});
  }
  return plan;
}

ExecutorLinkOptions Options(int self, int peers, NcclSource source = {}) {
  ExecutorLinkOptions options{.grpc = {.job = "job", .epoch = 2, .self = self},
                              .nccl = std::move(source)};
  for (int i = 0; i < peers; ++i) {
    options.grpc.peer_names.push_back("rank " + std::to_string(i));
  }
  return options;
}

TEST(NcclPartTest, IsWhatThePlanHasForTheExecutor) {
  Plan plan = NcclPlan(2);
  plan.links.push_back({.communicators = {{.members = {0, 3}}}});
  const NcclPart part = NcclPartOf(plan, 3);
  EXPECT_EQ(part.edges, (std::vector<std::vector<int>>{{2, 3}, {3, 2}}));
  EXPECT_EQ(part.group, (std::vector<int>{1, 3}));
  EXPECT_TRUE(NcclPartOf({}, 0).empty());
}

TEST(ExecutorLinkTest, NeedsNoNcclWithoutItInThePlan) {
  const auto link = ExecutorLink::Start({}, Options(0, 2));
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_TRUE((*link)->communicators().empty());
  EXPECT_EQ((*link)->replicas(), nullptr);
}

TEST(ExecutorLinkTest, SaysThatNcclIsMissing) {
  const NcclSource missing{
      .load = [] { return LoadNccl("libnccl_not_there.so.2"); }};
  const absl::Status status =
      ExecutorLink::Start(NcclPlan(1), Options(0, 2, missing)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(std::string(status.message()).starts_with("no NCCL: ")) << status;
}

TEST(ExecutorLinkTest, TakesTensorsAndSumsByNcclAndTheRestByGrpc) {
  constexpr int kPeers = 4;
  const auto fake = std::make_shared<FakeNccl>();
  const NcclSource source{.load = [fake] { return fake; },
                          .open = [fake] { return fake; }};
  std::vector<std::unique_ptr<ExecutorLink>> links;
  std::vector<std::string> addresses;
  std::vector<CommunicatorId> ids;
  for (int self = 0; self < kPeers; ++self) {
    auto link = ExecutorLink::Start(NcclPlan(2), Options(self, kPeers, source));
    ASSERT_TRUE(link.ok()) << link.status();
    addresses.push_back((*link)->address());
    for (const CommunicatorId& id : (*link)->communicators()) {
      ids.push_back(id);
    }
    links.push_back(*std::move(link));
  }
  std::vector<std::thread> threads;
  for (const auto& link : links) {
    threads.emplace_back([&] {
      const absl::Status status = link->Connect(addresses, ids, Never());
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& link : links) EXPECT_EQ(link->replicas()->size(), 2);
  EXPECT_EQ(links[3]->replicas()->self(), 1);

  const std::vector<std::byte> source_bytes(9, std::byte{1});
  std::vector<std::byte> target(9);
  fake->Stall("");
  const MessageKey report = MakeKey(1, MessageKind::kStepReport, 0, 0);
  ASSERT_TRUE(links[1]->link().PostReceive(0, report, target).ok());
  ASSERT_TRUE(links[0]->link().Send(1, report, source_bytes).ok());
  EXPECT_TRUE(links[1]->link().WaitReceived(0, report, Never()).ok());
  EXPECT_EQ(target, source_bytes);
  const MessageKey tensor = MakeKey(1, MessageKind::kActivation, 0, 0);
  ASSERT_TRUE(links[1]->link().PostReceive(0, tensor, target).ok());
  ASSERT_TRUE(links[0]->link().Send(1, tensor, source_bytes).ok());
  EXPECT_EQ(links[1]
                ->link()
                .WaitReceived(0, tensor, SteadyNow() + absl::Milliseconds(20))
                .code(),
            absl::StatusCode::kDeadlineExceeded);
  for (const auto& link : links) {
    link->link().Abort(absl::AbortedError("done"));
  }
  links.clear();
  EXPECT_EQ(fake->live(), FakeNccl::Live());
}

}  // namespace
}  // namespace penstock
