// One suite for all links: messages find their buffers whatever the order,
// nothing moves before its buffer is posted, and every way in which a transfer
// can fail is told to both ends at once. All links of a test live in one
// process; the buffers are declared before the links, as link.h asks.

#include "tests/conformance/link_conformance.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>

#include "proto/base/clock.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

using Bytes = std::vector<std::byte>;

// So late that only a hang reaches it.
absl::Time Never() { return SteadyNow() + absl::Seconds(120); }

Bytes RandomBytes(size_t size, uint64_t seed) {
  Bytes bytes(size);
  Random random(seed);
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(&bytes[i], &word, std::min(sizeof(word), size - i));
  }
  return bytes;
}

template <typename T>
void Shuffle(std::vector<T>& items, Random& random) {
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.Below(i)]);
  }
}

void ExpectContains(const absl::Status& status, const std::string& text) {
  EXPECT_NE(std::string(status.message()).find(text), std::string::npos)
      << status;
}

TEST_P(LinkConformance, MovesEverySizeUnchanged) {
  const std::vector<size_t> sizes = {
      0, 1, 7, 4095, 512 << 10, (512 << 10) + 1, 3'000'001, 16 << 20};
  std::vector<Bytes> sources;
  std::vector<Bytes> targets;
  for (const size_t size : sizes) {
    sources.push_back(RandomBytes(size, size));
    targets.emplace_back(size);
  }
  const auto links = GetParam().make(2);
  for (size_t i = 0; i < sizes.size(); ++i) {
    SCOPED_TRACE(testing::Message() << sizes[i] << " bytes");
    const MessageKey key{.step = 1, .tag = i};
    ASSERT_TRUE(links[1]->PostReceive(0, key, targets[i]).ok());
    ASSERT_TRUE(links[0]->Send(1, key, sources[i]).ok());
    const absl::Status received = links[1]->WaitReceived(0, key, Never());
    ASSERT_TRUE(received.ok()) << received;
    ASSERT_TRUE(links[0]->WaitSent(1, key, Never()).ok());
    ASSERT_TRUE(sources[i] == targets[i]);
  }
}

TEST_P(LinkConformance, MatchesByKeyWhateverTheOrder) {
  constexpr int kMessages = 40;
  std::vector<Bytes> sources;
  std::vector<Bytes> targets;
  for (int i = 0; i < kMessages; ++i) {
    sources.push_back(RandomBytes(1000, i));
    targets.emplace_back(1000);
  }
  const auto links = GetParam().make(3);
  Random random(5);
  std::vector<int> order(kMessages);
  std::iota(order.begin(), order.end(), 0);
  const auto key = [](int i) {
    return MessageKey{.step = static_cast<uint64_t>(i % 4),
                      .tag = static_cast<uint64_t>(i / 4)};
  };
  Shuffle(order, random);
  for (const int i : order) {
    ASSERT_TRUE(links[2]->Send(1, key(i), sources[i]).ok());
  }
  Shuffle(order, random);
  for (const int i : order) {
    ASSERT_TRUE(links[1]->PostReceive(2, key(i), targets[i]).ok());
  }
  Shuffle(order, random);
  for (const int i : order) {
    ASSERT_TRUE(links[1]->WaitReceived(2, key(i), Never()).ok());
    ASSERT_TRUE(targets[i] == sources[i]);
    ASSERT_TRUE(links[2]->WaitSent(1, key(i), Never()).ok());
  }
}

TEST_P(LinkConformance, TellsPeersWithTheSameKeyApart) {
  const Bytes from_0 = RandomBytes(100, 0);
  const Bytes from_2 = RandomBytes(100, 2);
  Bytes to_1_from_0(100);
  Bytes to_1_from_2(100);
  const auto links = GetParam().make(3);
  ASSERT_TRUE(links[1]->PostReceive(0, {1, 1}, to_1_from_0).ok());
  ASSERT_TRUE(links[1]->PostReceive(2, {1, 1}, to_1_from_2).ok());
  ASSERT_TRUE(links[2]->Send(1, {1, 1}, from_2).ok());
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, from_0).ok());
  ASSERT_TRUE(links[1]->WaitReceived(0, {1, 1}, Never()).ok());
  ASSERT_TRUE(links[1]->WaitReceived(2, {1, 1}, Never()).ok());
  EXPECT_TRUE(to_1_from_0 == from_0);
  EXPECT_TRUE(to_1_from_2 == from_2);
}

TEST_P(LinkConformance, SendsNothingBeforeABufferIsPosted) {
  const Bytes source = RandomBytes(64, 1);
  Bytes target(64);
  const auto links = GetParam().make(2);
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, source).ok());
  EXPECT_EQ(links[0]
                ->WaitSent(1, {1, 1}, SteadyNow() + absl::Milliseconds(30))
                .code(),
            absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(links[1]->PostReceive(0, {1, 1}, target).ok());
  EXPECT_TRUE(links[0]->WaitSent(1, {1, 1}, Never()).ok());
  EXPECT_TRUE(links[1]->WaitReceived(0, {1, 1}, Never()).ok());
  EXPECT_TRUE(source == target);
}

TEST_P(LinkConformance, WaitsUntilTheDeadlineAndNoLonger) {
  Bytes target(64);
  const auto links = GetParam().make(2);
  ASSERT_TRUE(links[1]->PostReceive(0, {1, 1}, target).ok());
  const absl::Time deadline = SteadyNow() + absl::Milliseconds(20);
  EXPECT_EQ(links[1]->WaitReceived(0, {1, 1}, deadline).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(SteadyNow(), deadline);
}

TEST_P(LinkConformance, TellsBothEndsOfDifferentSizes) {
  for (const auto& [offered, expected] : std::vector<std::pair<int, int>>{
           {10, 12}, {12, 10}, {0, 1}, {1, 0}, {2 << 20, 1 << 20}}) {
    SCOPED_TRACE(testing::Message() << offered << " into " << expected);
    const Bytes source(offered);
    Bytes target(expected);
    const Bytes next_source = RandomBytes(10, 1);
    Bytes next_target(10);
    const auto links = GetParam().make(2);
    ASSERT_TRUE(links[0]->Send(1, {1, 1}, source).ok());
    ASSERT_TRUE(links[1]->PostReceive(0, {1, 1}, target).ok());
    const absl::Status sent = links[0]->WaitSent(1, {1, 1}, Never());
    EXPECT_EQ(sent.code(), absl::StatusCode::kFailedPrecondition);
    ExpectContains(sent, std::to_string(expected));
    const absl::Status received = links[1]->WaitReceived(0, {1, 1}, Never());
    EXPECT_EQ(received.code(), absl::StatusCode::kFailedPrecondition);
    ExpectContains(received, std::to_string(offered));
    // The link itself is not harmed.
    ASSERT_TRUE(links[0]->Send(1, {1, 2}, next_source).ok());
    ASSERT_TRUE(links[1]->PostReceive(0, {1, 2}, next_target).ok());
    ASSERT_TRUE(links[1]->WaitReceived(0, {1, 2}, Never()).ok());
    EXPECT_TRUE(next_source == next_target);
  }
}

TEST_P(LinkConformance, RefusesWhatWasNeverAskedForAndKeysInUse) {
  Bytes bytes(8);
  const auto links = GetParam().make(2);
  EXPECT_EQ(links[0]->WaitSent(1, {9, 9}, Never()).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(links[0]->WaitReceived(1, {9, 9}, Never()).code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, bytes).ok());
  EXPECT_EQ(links[0]->Send(1, {1, 1}, bytes).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(links[0]->Send(2, {1, 1}, bytes).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(links[0]->PostReceive(-1, {1, 1}, bytes).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(LinkConformance, AbortWakesWaitersAndReturnsItsReason) {
  const Bytes source(8);
  Bytes target(8);
  const auto links = GetParam().make(2);
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, source).ok());
  ASSERT_TRUE(links[0]->PostReceive(1, {1, 2}, target).ok());
  absl::Status sent;
  absl::Status received;
  const absl::Time begin = SteadyNow();
  std::thread sender([&] { sent = links[0]->WaitSent(1, {1, 1}, Never()); });
  std::thread receiver([&] {
    received = links[0]->WaitReceived(1, {1, 2}, Never());
  });
  links[0]->Abort(absl::AbortedError("epoch 8 begins"));
  links[0]->Abort(absl::InternalError("not the first"));
  sender.join();
  receiver.join();
  EXPECT_LT(SteadyNow() - begin, absl::Seconds(10));
  for (const absl::Status& status :
       {sent, received, links[0]->Send(1, {1, 3}, source),
        links[0]->PostReceive(1, {1, 3}, target),
        links[0]->WaitSent(1, {1, 1}, Never())}) {
    EXPECT_EQ(status, absl::AbortedError("epoch 8 begins"));
  }
}

TEST_P(LinkConformance, AnAbortedPeerIsUnavailableAndNamed) {
  const Bytes source(8);
  Bytes target(8);
  const auto links = GetParam().make(3);
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, source).ok());
  ASSERT_TRUE(links[0]->PostReceive(1, {1, 2}, target).ok());
  absl::Status sent;
  std::thread sender([&] { sent = links[0]->WaitSent(1, {1, 1}, Never()); });
  links[1]->Abort(absl::InternalError("no memory"));
  sender.join();
  const absl::Status received = links[0]->WaitReceived(1, {1, 2}, Never());
  for (const absl::Status& status : {sent, received}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    ExpectContains(status, "rank 1");
  }
  EXPECT_EQ(links[0]->Send(1, {1, 3}, source).code(),
            absl::StatusCode::kUnavailable);
}

TEST_P(LinkConformance, APeerThatIsGoneIsUnavailableAndNamed) {
  const Bytes source(8);
  Bytes target(8);
  Bytes other(8);
  auto links = GetParam().make(3);
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, source).ok());
  ASSERT_TRUE(links[0]->PostReceive(1, {1, 2}, target).ok());
  absl::Status received;
  std::thread receiver([&] {
    received = links[0]->WaitReceived(1, {1, 2}, Never());
  });
  links[1].reset();
  receiver.join();
  const absl::Status sent = links[0]->WaitSent(1, {1, 1}, Never());
  for (const absl::Status& status : {sent, received}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    ExpectContains(status, "rank 1");
  }
  // The other peers go on.
  ASSERT_TRUE(links[0]->Send(2, {1, 1}, source).ok());
  ASSERT_TRUE(links[2]->PostReceive(0, {1, 1}, other).ok());
  EXPECT_TRUE(links[2]->WaitReceived(0, {1, 1}, Never()).ok());
}

TEST_P(LinkConformance, DeliversWhatWasSentBeforeTheSenderLeft) {
  const Bytes source = RandomBytes(5 << 20, 3);
  Bytes target(5 << 20);
  auto links = GetParam().make(2);
  ASSERT_TRUE(links[1]->PostReceive(0, {1, 1}, target).ok());
  ASSERT_TRUE(links[0]->Send(1, {1, 1}, source).ok());
  ASSERT_TRUE(links[0]->WaitSent(1, {1, 1}, Never()).ok());
  links[0].reset();
  const absl::Status received = links[1]->WaitReceived(0, {1, 1}, Never());
  ASSERT_TRUE(received.ok()) << received;
  EXPECT_TRUE(source == target);
}

// Every peer sends messages of random sizes to every other one, offers, posts
// and waits in random orders, and uses each buffer again for the next step.
struct Message {
  int peer = 0;
  bool send = false;
  MessageKey key;
  Bytes bytes;
};

Bytes Content(int sender, int receiver, const MessageKey& key) {
  const uint64_t seed =
      Mix64(Mix64(sender * 64 + receiver) ^ Mix64(key.step * 1000 + key.tag));
  Random random(seed);
  const uint64_t size =
      random.Below(4) == 0 ? random.Below(1'500'000) : random.Below(3000);
  return RandomBytes(size, seed);
}

void RunStep(Link& link, int self, int peers, uint64_t step, Random& random,
             std::vector<Message>& messages) {
  messages.clear();
  for (int peer = 0; peer < peers; ++peer) {
    if (peer == self) continue;
    for (uint64_t tag = 0; tag < 12; ++tag) {
      const MessageKey key{step, tag};
      messages.push_back({peer, true, key, Content(self, peer, key)});
      messages.push_back(
          {peer, false, key, Bytes(Content(peer, self, key).size())});
    }
  }
  Shuffle(messages, random);
  for (Message& message : messages) {
    const absl::Status status =
        message.send
            ? link.Send(message.peer, message.key, message.bytes)
            : link.PostReceive(message.peer, message.key, message.bytes);
    ASSERT_TRUE(status.ok()) << status;
  }
  Shuffle(messages, random);
  for (Message& message : messages) {
    const absl::Status status =
        message.send ? link.WaitSent(message.peer, message.key, Never())
                     : link.WaitReceived(message.peer, message.key, Never());
    ASSERT_TRUE(status.ok()) << status;
    if (message.send) continue;
    ASSERT_TRUE(message.bytes == Content(message.peer, self, message.key));
  }
}

TEST_P(LinkConformance, SurvivesRandomSizesAndOrders) {
  for (const int peers : {2, 3, 4}) {
    constexpr uint64_t kSeed = 20261120;
    SCOPED_TRACE(testing::Message() << peers << " peers, seed " << kSeed);
    std::vector<std::vector<Message>> messages(peers);
    const auto links = GetParam().make(peers);
    std::vector<std::thread> threads;
    for (int self = 0; self < peers; ++self) {
      threads.emplace_back([&, self] {
        Random random(kSeed + self);
        for (uint64_t step = 0; step < 4; ++step) {
          RunStep(*links[self], self, peers, step, random, messages[self]);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace penstock
