// A leader and one other rank as threads over the local link.

#include "worker/runtime/background_agreement.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/link/local_link.h"

namespace penstock {
namespace {

struct Rank {
  Rank(const Plan& plan, int rank, std::unique_ptr<Link> its_link)
      : link(std::move(its_link)),
        agreement(plan, {.rank = rank}, {0, 0}, *link, absl::Seconds(30)),
        background(agreement, *link) {}
  // Ends an agreement that still waits.
  ~Rank() { link->Abort(absl::CancelledError("the test is over")); }

  std::unique_ptr<Link> link;
  StepAgreement agreement;
  BackgroundAgreement background;
};

class BackgroundAgreementTest : public testing::Test {
 protected:
  BackgroundAgreementTest() {
    plan_.ranks.resize(2);
    for (int rank = 0; rank < 2; ++rank) {
      ranks_.push_back(std::make_unique<Rank>(plan_, rank, hub_->link(rank)));
    }
  }

  Plan plan_;
  const std::shared_ptr<LocalHub> hub_ = LocalHub::Create(2);
  std::vector<std::unique_ptr<Rank>> ranks_;
};

absl::StatusOr<StepDecision> AddLosses(const std::vector<StepReport>& reports) {
  return StepDecision{.loss = reports[0].loss_sum + reports[1].loss_sum};
}

TEST_F(BackgroundAgreementTest, NobodyWaitsBeforeItAsks) {
  for (int64_t step = 1; step <= 3; ++step) {
    const double loss = static_cast<double>(step);
    ranks_[1]->background.Begin(step, {.loss_sum = loss}, AddLosses);
    // The leader has not even begun: this would hang if Begin waited.
    ranks_[0]->background.Begin(step, {.loss_sum = 10}, AddLosses);
    for (const auto& rank : ranks_) {
      const auto decision = rank->background.Await();
      ASSERT_TRUE(decision.ok()) << decision.status();
      EXPECT_EQ(decision->loss, loss + 10);
    }
  }
}

TEST_F(BackgroundAgreementTest, ADecisionThatFailsEndsEveryWaitOfTheLink) {
  std::vector<std::byte> buffer(8);
  ASSERT_TRUE(ranks_[0]->link->PostReceive(1, {.step = 9}, buffer).ok());
  ranks_[1]->background.Begin(1, {}, AddLosses);
  ranks_[0]->background.Begin(1, {}, [](const auto&) {
    return absl::StatusOr<StepDecision>(absl::OutOfRangeError("diverged"));
  });
  const absl::Time deadline = SteadyNow() + absl::Seconds(30);
  EXPECT_TRUE(absl::IsOutOfRange(
      ranks_[0]->link->WaitReceived(1, {.step = 9}, deadline)));
  EXPECT_TRUE(absl::IsOutOfRange(ranks_[0]->background.Await().status()));
  EXPECT_FALSE(ranks_[1]->background.Await().ok());
}

}  // namespace
}  // namespace penstock
