// What the conformance suite does not ask: everything that can go wrong with
// NCCL, by a fake of it. After each test nothing of NCCL's is left, no thread
// runs on, and nothing was done that NCCL forbids.

#include "worker/link/nccl_link.h"

#include <filesystem>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "worker/link/fake_nccl.h"
#include "worker/link/local_link.h"
#include "worker/link/note_stream.h"

namespace penstock {
namespace {

using Bytes = std::vector<std::byte>;

// So late that only a hang reaches it.
absl::Time Never() { return SteadyNow() + absl::Seconds(120); }

int ThreadCount() {
  const auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

class NcclLinkTest : public testing::Test {
 protected:
  // A sanitizer's own thread comes with the first.
  static void SetUpTestSuite() {
    std::thread([] {}).join();
  }

  ~NcclLinkTest() override {
    links_.clear();
    EXPECT_EQ(nccl_.live(), FakeNccl::Live());
    EXPECT_EQ(nccl_.calls_hanging(), 0);
    EXPECT_EQ(nccl_.TakeMisuses(), std::vector<std::string>());
    EXPECT_EQ(ThreadCount(), threads_before_);
  }

  static std::vector<std::string> Names(int peers) {
    std::vector<std::string> names;
    for (int i = 0; i < peers; ++i) {
      names.push_back("rank " + std::to_string(i));
    }
    return names;
  }

  // Of a pipeline in which neighbours exchange both ways, and a group of all.
  NcclLinkOptions Options(int peers, int self) const {
    NcclLinkOptions options{
        .epoch = 3,
        .self = self,
        .peer_names = Names(peers),
        .carries = [](const MessageKey& key) { return key.tag < 100; },
        .stall_max = stall_max_};
    for (const int peer : {self - 1, self + 1}) {
      if (peer < 0 || peer >= peers) continue;
      options.edges.push_back({self, peer});
      options.edges.push_back({peer, self});
    }
    for (int i = 0; i < peers; ++i) options.group.push_back(i);
    return options;
  }

  void Create(int peers) {
    const auto hub = LocalHub::Create(Names(peers));
    ids_.clear();
    for (int self = 0; self < peers; ++self) {
      auto link =
          NcclLink::Create(Options(peers, self), nccl_, nccl_, hub->link(self));
      ASSERT_TRUE(link.ok()) << link.status();
      ids_.insert(ids_.end(), (*link)->ids().begin(), (*link)->ids().end());
      links_.push_back(*std::move(link));
    }
  }

  // Of each link.
  std::vector<absl::Status> Connect(absl::Time deadline) {
    std::vector<absl::Status> results(links_.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < links_.size(); ++i) {
      threads.emplace_back([this, i, deadline, &results] {
        results[i] = links_[i]->Connect(ids_, deadline);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return results;
  }

  void Make(int peers) {
    Create(peers);
    for (const absl::Status& status : Connect(Never())) {
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  // Both halves of a message from 0 to 1.
  void Begin(const MessageKey& key, const Bytes& source, Bytes& target) {
    ASSERT_TRUE(links_[1]->PostReceive(0, key, target).ok());
    ASSERT_TRUE(links_[0]->Send(1, key, source).ok());
  }

  void ExpectMoves(int from, int to, const MessageKey& key) {
    const Bytes source(10, std::byte{7});
    Bytes target(10);
    ASSERT_TRUE(links_[to]->PostReceive(from, key, target).ok());
    ASSERT_TRUE(links_[from]->Send(to, key, source).ok());
    const absl::Status received = links_[to]->WaitReceived(from, key, Never());
    EXPECT_TRUE(received.ok()) << received;
    EXPECT_EQ(source, target);
  }

  template <typename Condition>
  static void WaitFor(Condition condition) {
    const absl::Time deadline = Never();
    while (!condition() && SteadyNow() < deadline) std::this_thread::yield();
    EXPECT_TRUE(condition());
  }

  const int threads_before_ = ThreadCount();
  absl::Duration stall_max_ = absl::Seconds(30);
  FakeNccl nccl_;
  std::vector<CommunicatorId> ids_;
  std::vector<std::unique_ptr<NcclLink>> links_;
};

void ExpectContains(const absl::Status& status, const std::string& text) {
  EXPECT_NE(std::string(status.message()).find(text), std::string::npos)
      << status << " has not: " << text;
}

TEST_F(NcclLinkTest, HasACommunicatorForEachDirectedEdgeAndOneForTheGroup) {
  Make(3);
  EXPECT_EQ(ids_.size(), 5u);
  // One member each of two, and three of the group.
  EXPECT_EQ(nccl_.communicators_made(), 4 * 2 + 3);
  ExpectMoves(0, 1, {1, 1});
  ExpectMoves(1, 0, {1, 1});
  ExpectMoves(2, 1, {1, 1});
}

TEST_F(NcclLinkTest, ClosesWithoutAnAbort) {
  Make(2);
  ExpectMoves(0, 1, {1, 1});
  std::thread other([this] { links_[0].reset(); });
  links_[1].reset();
  other.join();
  EXPECT_EQ(nccl_.aborts(), 0);
}

TEST_F(NcclLinkTest, OtherMessagesAndPeersGoOverTheHostsLink) {
  Make(3);
  nccl_.Stall("");
  ExpectMoves(0, 1, {1, 100});  // Not of those that the edges carry.
  ExpectMoves(0, 2, {1, 1});    // No edge.
}

TEST_F(NcclLinkTest, EachEpochHasCommunicatorsOfItsOwn) {
  for (int epoch = 0; epoch < 3; ++epoch) {
    Make(2);
    ExpectMoves(0, 1, {1, 1});
    links_[0]->Abort(absl::AbortedError("the epoch ends"));
    links_.clear();
    EXPECT_EQ(nccl_.live(), FakeNccl::Live());
  }
}

TEST_F(NcclLinkTest, AbortEndsATransferThatDoesNotMove) {
  const Bytes source(100);
  Bytes target(100);
  Make(2);
  nccl_.Stall("rank 0 to rank 1");
  Begin({1, 1}, source, target);
  absl::Status received;
  std::thread receiver([&] {
    received = links_[1]->WaitReceived(0, {1, 1}, Never());
  });
  links_[1]->Abort(absl::AbortedError("epoch 4 begins"));
  receiver.join();
  EXPECT_EQ(received, absl::AbortedError("epoch 4 begins"));
  const absl::Status sent = links_[0]->WaitSent(1, {1, 1}, Never());
  EXPECT_EQ(sent.code(), absl::StatusCode::kUnavailable) << sent;
  ExpectContains(sent, "rank 1");
  // The device leaves the buffers before they are gone.
  links_.clear();
}

TEST_F(NcclLinkTest, TheWatchdogAbortsACallThatHangs) {
  const Bytes source(100);
  Bytes target(100);
  Make(2);
  nccl_.Hang("rank 0 to rank 1");
  Begin({1, 1}, source, target);
  WaitFor([this] { return nccl_.calls_hanging() > 0; });
  links_[0]->Abort(absl::AbortedError("epoch 4 begins"));
  links_[1]->Abort(absl::AbortedError("epoch 4 begins"));
  links_.clear();
  EXPECT_EQ(nccl_.calls_hanging(), 0);
}

TEST_F(NcclLinkTest, ATransferThatMakesNoProgressFailsAndIsNamed) {
  const Bytes source(100);
  Bytes target(100);
  stall_max_ = absl::Milliseconds(50);
  Make(2);
  nccl_.Stall("rank 0 to rank 1");
  Begin({4, 1}, source, target);
  const absl::Status sent = links_[0]->WaitSent(1, {4, 1}, Never());
  const absl::Status received = links_[1]->WaitReceived(0, {4, 1}, Never());
  EXPECT_EQ(sent, absl::UnavailableError(
                      "edge rank 0 to rank 1, epoch 3: sending message tag 1 "
                      "of step 4: no progress for 50ms"));
  EXPECT_EQ(received, absl::UnavailableError(
                          "edge rank 0 to rank 1, epoch 3: receiving message "
                          "tag 1 of step 4: no progress for 50ms"));
  links_.clear();
}

TEST_F(NcclLinkTest, APeerThatVanishesMidTransferIsUnavailable) {
  const Bytes source(100, std::byte{7});
  Bytes target(100);
  Make(2);
  nccl_.StopHalfway("rank 0 to rank 1");
  Begin({1, 1}, source, target);
  absl::Status received;
  std::thread receiver([&] {
    received = links_[1]->WaitReceived(0, {1, 1}, Never());
  });
  WaitFor([this] { return nccl_.stopped_halfway() > 0; });
  links_[0]->Abort(absl::InternalError("killed"));
  receiver.join();
  EXPECT_EQ(received, absl::UnavailableError("rank 0: aborted: killed"));
  links_.clear();
}

TEST_F(NcclLinkTest, AnErrorInTheBackgroundFailsItsPeerAndNoOther) {
  const Bytes source(100);
  Make(3);
  nccl_.Break("rank 0 to rank 1",
              absl::UnavailableError("ncclCommGetAsyncError: remote process "
                                     "exited or there was a network error"));
  ASSERT_TRUE(links_[1]->Send(0, {1, 2}, source).ok());
  const absl::Status status = links_[1]->WaitSent(0, {1, 2}, Never());
  EXPECT_EQ(status, absl::UnavailableError(
                        "edge rank 0 to rank 1, epoch 3: "
                        "ncclCommGetAsyncError: remote process exited or there "
                        "was a network error"));
  ExpectMoves(1, 2, {1, 1});
  ExpectMoves(2, 1, {1, 1});
}

TEST_F(NcclLinkTest, ADeviceThatFallsOffFailsWhatIsUnderWay) {
  const Bytes source(100);
  Bytes target(100);
  Make(2);
  nccl_.Stall("rank 0 to rank 1");
  Begin({1, 1}, source, target);
  nccl_.LoseDevice(absl::UnavailableError(
      "cudaEventQuery: uncorrectable ECC error encountered"));
  for (const absl::Status& status :
       {links_[0]->WaitSent(1, {1, 1}, Never()),
        links_[1]->WaitReceived(0, {1, 1}, Never())}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    ExpectContains(status, "edge rank 0 to rank 1, epoch 3: ");
    ExpectContains(status,
                   "message tag 1 of step 1: cudaEventQuery: "
                   "uncorrectable ECC error encountered");
  }
  // Closing does not wait for a device that answers nothing.
  links_.clear();
}

TEST_F(NcclLinkTest, ConnectWithoutDeviceMemorySaysSo) {
  Create(2);
  nccl_.LoseDevice(absl::ResourceExhaustedError("cudaMalloc: out of memory"));
  for (const absl::Status& status : Connect(Never())) {
    EXPECT_EQ(status, absl::ResourceExhaustedError(
                          "edge rank 0 to rank 1, epoch 3: cudaMalloc: out of "
                          "memory"));
  }
}

TEST_F(NcclLinkTest, ConnectSaysWhoHasNotComeInTime) {
  Create(2);
  nccl_.HoldJoins();
  for (const absl::Status& status :
       Connect(SteadyNow() + absl::Milliseconds(30))) {
    EXPECT_EQ(status, absl::DeadlineExceededError(
                          "edge rank 0 to rank 1, epoch 3: not all members "
                          "have joined in time"));
  }
}

TEST_F(NcclLinkTest, ConnectEndsWhenThePeerGoesAway) {
  Create(2);
  nccl_.HoldJoins();
  absl::Status status;
  std::thread waiter([&] { status = links_[0]->Connect(ids_, Never()); });
  links_[1].reset();
  waiter.join();
  EXPECT_EQ(status, absl::UnavailableError("rank 1: closed its link"));
}

TEST_F(NcclLinkTest, ConnectNeedsTheIdOfEachEdge) {
  Create(2);
  ids_.clear();
  // Rank 0 has made all ids itself, so it alone waits for the other.
  const absl::Status status = links_[1]->Connect(ids_, Never());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  ExpectContains(status, "epoch 3: its lowest member has published no id");
}

TEST_F(NcclLinkTest, AFailedInitSaysOfWhat) {
  Create(2);
  nccl_.FailInit(
      absl::UnavailableError("ncclCommInitRankConfig: unhandled cuda error"));
  for (const absl::Status& status : Connect(Never())) {
    EXPECT_EQ(status, absl::UnavailableError(
                          "edge rank 0 to rank 1, epoch 3: "
                          "ncclCommInitRankConfig: unhandled cuda error"));
  }
}

TEST_F(NcclLinkTest, RefusesEdgesThatAreNotItsOwn) {
  const auto hub = LocalHub::Create(3);
  for (const std::vector<int>& edge :
       {std::vector<int>{0, 1}, {2, 3}, {2, -1}, {2}, {2, 2}}) {
    NcclLinkOptions options = Options(3, 2);
    options.edges = {edge};
    EXPECT_EQ(NcclLink::Create(options, nccl_, nccl_, nullptr).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

// A peer that announces what nobody waits for, as one with another plan would.
TEST_F(NcclLinkTest, EndsThatDisagreeOnTheOrderAreFoundBeforeNcclIsAsked) {
  Bytes target(100);
  const auto hub = LocalHub::Create(Names(2));
  NcclLinkOptions options = Options(2, 1);
  options.edges = {{0, 1}};
  options.group.clear();
  // The fake joins this one with the liar's below.
  auto link = NcclLink::Create(options, nccl_, nccl_, hub->link(1));
  ASSERT_TRUE(link.ok());
  const auto liar = hub->link(0);
  NoteStream notes(
      *liar, 1,
      {.on_note = [](const Note&) {}, .on_ended = [](const absl::Status&) {}});
  notes.Start();
  notes.Send(
      {.kind = Note::Kind::kGrant, .key = {1, 9}, .bytes = 100, .number = 1});
  ASSERT_TRUE((*link)->PostReceive(0, {1, 1}, target).ok());
  const absl::Status connected =
      (*link)->Connect({{.communicator = {.members = {0, 1}}}}, Never());
  const absl::Status received = (*link)->WaitReceived(0, {1, 1}, Never());
  for (const absl::Status& status : {connected, received}) {
    EXPECT_EQ(status, absl::InvalidArgumentError(
                          "edge rank 0 to rank 1, epoch 3: message tag 9 of "
                          "step 1 of 100 bytes is announced as number 1 of its "
                          "edge, and no buffer is posted for it"));
  }
  notes.Stop();
  link->reset();
}

class NcclGroupTest : public NcclLinkTest {
 protected:
  // Exchanges member m's bytes, all of value m, with everyone; returns what
  // each got from each.
  std::vector<std::vector<Bytes>> ExchangeAll(
      int members, std::vector<absl::Status>& results) {
    std::vector<std::vector<Bytes>> got(members);
    std::vector<std::thread> threads;
    results.resize(members);
    for (int self = 0; self < members; ++self) {
      threads.emplace_back([this, self, members, &got, &results] {
        const Bytes own(50, static_cast<std::byte>(self));
        got[self].assign(members, Bytes(50, std::byte{99}));
        std::vector<GroupPart> parts(members);
        for (int m = 0; m < members; ++m) {
          parts[m] = {.send = own, .receive = got[self][m]};
        }
        results[self] = links_[self]->group()->Exchange(parts, Never());
      });
    }
    for (std::thread& thread : threads) thread.join();
    return got;
  }
};

TEST_F(NcclGroupTest, ExchangesWithAllMembersAtOnce) {
  Make(4);
  std::vector<absl::Status> results;
  const auto got = ExchangeAll(4, results);
  for (int self = 0; self < 4; ++self) {
    EXPECT_TRUE(results[self].ok()) << results[self];
    EXPECT_EQ(links_[self]->group()->self(), self);
    for (int m = 0; m < 4; ++m) {
      EXPECT_EQ(got[self][m],
                Bytes(50, static_cast<std::byte>(m == self ? 99 : m)));
    }
  }
}

TEST_F(NcclGroupTest, WaitsForNoEdge) {
  const Bytes source(100);
  Bytes target(100);
  Make(2);
  nccl_.Stall("edge");
  Begin({1, 1}, source, target);
  std::vector<absl::Status> results;
  ExchangeAll(2, results);
  for (const absl::Status& status : results) EXPECT_TRUE(status.ok()) << status;
  for (const auto& link : links_) link->Abort(absl::AbortedError("done"));
  links_.clear();
}

TEST_F(NcclGroupTest, EndsWhenAMemberGoesAway) {
  Make(3);
  Bytes bytes(10);
  const std::vector<GroupPart> parts(3, {.send = bytes, .receive = bytes});
  absl::Status status;
  std::thread waiter(
      [&] { status = links_[0]->group()->Exchange(parts, Never()); });
  links_[2].reset();
  waiter.join();
  EXPECT_EQ(status, absl::UnavailableError("rank 2: closed its link"));
  links_.clear();
}

TEST_F(NcclGroupTest, NamesTheGroupWhenItIsLate) {
  Make(2);
  Bytes bytes(10);
  const std::vector<GroupPart> parts(2, {.send = bytes, .receive = bytes});
  EXPECT_EQ(
      links_[0]->group()->Exchange(parts, SteadyNow() + absl::Milliseconds(30)),
      absl::DeadlineExceededError(
          "group of rank 0 and 1 more, epoch 3: exchange: not done in "
          "time"));
  EXPECT_EQ(links_[0]->group()->Exchange({}, Never()).code(),
            absl::StatusCode::kInvalidArgument);
  for (const auto& link : links_) link->Abort(absl::AbortedError("done"));
  links_.clear();
}

}  // namespace
}  // namespace penstock
