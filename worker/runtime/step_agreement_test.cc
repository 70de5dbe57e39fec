#include "worker/runtime/step_agreement.h"

#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

// Two replicas of two ranks that report one and two norms.
Plan FourPeers() {
  Plan plan;
  plan.spec.parallelism.data = 2;
  plan.ranks.resize(2);
  return plan;
}

struct Outcome {
  std::vector<absl::StatusOr<StepDecision>> decisions;
  std::vector<StepReport> seen;  // By the leader.
};

Outcome AgreeOnce(const absl::StatusOr<StepDecision>& decision) {
  const Plan plan = FourPeers();
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(4);
  std::vector<std::unique_ptr<Link>> links;
  for (int peer = 0; peer < 4; ++peer) links.push_back(hub->link(peer));
  std::vector<std::unique_ptr<StepAgreement>> agreements;
  Outcome outcome;
  outcome.decisions.resize(4, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  for (int peer = 0; peer < 4; ++peer) {
    agreements.push_back(std::make_unique<StepAgreement>(
        plan, Assignment{.replica = peer / 2, .rank = peer % 2},
        std::vector<int>{1, 2}, *links[peer], absl::Seconds(30)));
  }
  for (int peer = 0; peer < 4; ++peer) {
    threads.emplace_back([&, peer] {
      StepReport report{.loss_sum = 10.0 + peer,
                        .busy_seconds = 0.5,
                        .revision = static_cast<uint64_t>(peer) + 3};
      report.norms_squared.assign(peer % 2 + 1, peer);
      if (peer == 2) report.shard = ShardReport{.epoch = 7, .step = 3};
      outcome.decisions[peer] = agreements[peer]->Agree(
          3, report, [&](const std::vector<StepReport>& reports) {
            outcome.seen = reports;
            return decision;
          });
      if (!outcome.decisions[peer].ok()) {
        links[peer]->Abort(outcome.decisions[peer].status());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  links.clear();
  return outcome;
}

TEST(StepAgreementTest, TheLeaderSeesAllReportsAndAllGetItsDecision) {
  const Outcome outcome = AgreeOnce(StepDecision{.loss = 1.5,
                                                 .grad_norm = 2.5,
                                                 .clip_factor = 0.4,
                                                 .checkpoint = true,
                                                 .last_step = 5,
                                                 .revision = 3});
  ASSERT_EQ(outcome.seen.size(), 4);
  for (int peer = 0; peer < 4; ++peer) {
    EXPECT_EQ(outcome.seen[peer].loss_sum, 10.0 + peer);
    EXPECT_EQ(outcome.seen[peer].norms_squared,
              std::vector<double>(peer % 2 + 1, peer));
    EXPECT_EQ(outcome.seen[peer].shard.has_value(), peer == 2);
    EXPECT_EQ(outcome.seen[peer].revision, peer + 3);
    ASSERT_TRUE(outcome.decisions[peer].ok());
    EXPECT_EQ(outcome.decisions[peer]->clip_factor, 0.4);
    EXPECT_TRUE(outcome.decisions[peer]->checkpoint);
    EXPECT_EQ(outcome.decisions[peer]->last_step, 5);
    EXPECT_EQ(outcome.decisions[peer]->revision, 3);
  }
  EXPECT_EQ(outcome.seen[2].shard->epoch, 7);
}

// Remembers the last deadline of a WaitSent.
class DeadlineLink final : public Link {
 public:
  explicit DeadlineLink(std::unique_ptr<Link> link) : link_(std::move(link)) {}

  absl::Status Send(int peer, const MessageKey& key,
                    std::span<const std::byte> bytes) override {
    return link_->Send(peer, key, bytes);
  }
  absl::Status WaitSent(int peer, const MessageKey& key,
                        absl::Time deadline) override {
    sent_deadline = deadline;
    return link_->WaitSent(peer, key, deadline);
  }
  absl::Status PostReceive(int peer, const MessageKey& key,
                           std::span<std::byte> bytes) override {
    return link_->PostReceive(peer, key, bytes);
  }
  absl::Status WaitReceived(int peer, const MessageKey& key,
                            absl::Time deadline) override {
    return link_->WaitReceived(peer, key, deadline);
  }
  void Abort(const absl::Status& reason) override { link_->Abort(reason); }

  absl::Time sent_deadline;

 private:
  const std::unique_ptr<Link> link_;
};

TEST(StepAgreementTest, TheLeadersTimeToSendStartsWhenItHasDecided) {
  Plan plan;
  plan.ranks.resize(2);
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(2);
  DeadlineLink leader_link(hub->link(0));
  const std::unique_ptr<Link> other_link = hub->link(1);
  const std::vector<int> norms = {0, 0};
  constexpr absl::Duration kWaitMax = absl::Seconds(30);
  StepAgreement leader(plan, {.rank = 0}, norms, leader_link, kWaitMax);
  StepAgreement other(plan, {.rank = 1}, norms, *other_link, kWaitMax);
  absl::Time decided;
  std::thread thread([&] {
    EXPECT_TRUE(
        other.Agree(1, {}, [](const auto&) { return StepDecision{}; }).ok());
  });
  EXPECT_TRUE(leader
                  .Agree(1, {},
                         [&](const auto&) {
                           decided = SteadyNow();
                           return StepDecision{};
                         })
                  .ok());
  thread.join();
  EXPECT_GE(leader_link.sent_deadline, decided + kWaitMax);
}

TEST(StepAgreementTest, ALeaderThatCannotDecideEndsEveryone) {
  const Outcome outcome = AgreeOnce(absl::OutOfRangeError("diverged"));
  EXPECT_EQ(outcome.decisions[0].status().message(), "diverged");
  for (int peer = 1; peer < 4; ++peer) {
    EXPECT_FALSE(outcome.decisions[peer].ok());
  }
}

}  // namespace
}  // namespace penstock
