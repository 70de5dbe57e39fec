#include "kernels/cuda/emulator/streams.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace penstock::cuda::emulator {
namespace {

class StreamsTest : public testing::Test {
 protected:
  ~StreamsTest() override {
    DestroyStream(a_);
    DestroyStream(b_);
  }

  // Appends to what has run.
  void Say(cudaStream_t stream, char what) {
    Enqueue(stream, [this, what] { said_ += what; });
  }

  const cudaStream_t a_ = MakeStream();
  const cudaStream_t b_ = MakeStream();
  std::string said_;
};

TEST_F(StreamsTest, RunWhenSomebodyWaits) {
  Say(a_, '1');
  Say(a_, '2');
  EXPECT_EQ(said_, "");
  WaitFor(a_);
  EXPECT_EQ(said_, "12");
  Say(nullptr, '3');
  EXPECT_EQ(said_, "12");
  WaitForAll();
  EXPECT_EQ(said_, "123");
}

TEST_F(StreamsTest, AQueryAnswersInTheEnd) {
  SeedStreams(1);
  bool late = false;
  for (int i = 0; i < 100; ++i) {
    said_.clear();
    Say(a_, '1');
    while (!IsDone(a_)) late = true;
    EXPECT_EQ(said_, "1");
  }
  EXPECT_TRUE(late);
}

TEST_F(StreamsTest, OtherStreamsRunInBetweenOrNot) {
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SeedStreams(seed);
    said_.clear();
    for (const char what : {'1', '2'}) Say(a_, what);
    for (const char what : {'x', 'y'}) Say(b_, what);
    WaitFor(a_);
    orders.insert(said_);
    WaitFor(b_);
  }
  EXPECT_EQ(orders, (std::set<std::string>{"12", "1x2", "1xy2", "x12", "x1y2",
                                           "xy12"}));
}

}  // namespace
}  // namespace penstock::cuda::emulator
