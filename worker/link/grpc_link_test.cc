// Beyond the conformance suite: whom the link refuses, and that a peer which
// breaks the rules of the transport, played here by a plain stub, costs its own
// stream and nothing else.

#include "worker/link/grpc_link.h"

#include <vector>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/internal/v1/tensor_transport.grpc.pb.h"
#include "proto/rpc/channel.h"

namespace penstock {
namespace {

constexpr uint64_t kEpoch = 4;

absl::Time Never() { return SteadyNow() + absl::Seconds(60); }

std::unique_ptr<GrpcLink> StartLink(
    int self, uint64_t epoch = kEpoch, const std::string& job = "job",
    absl::Duration hello_timeout = absl::Seconds(10)) {
  auto link = GrpcLink::Start({.job = job,
                               .epoch = epoch,
                               .self = self,
                               .peer_names = {"rank 0", "rank 1", "rank 2"},
                               .hello_timeout = hello_timeout});
  EXPECT_TRUE(link.ok()) << link.status();
  return *std::move(link);
}

void ExpectContains(const absl::Status& status, const std::string& text) {
  EXPECT_NE(std::string(status.message()).find(text), std::string::npos)
      << status;
}

// A sender that says what it likes.
class RawSender {
 public:
  explicit RawSender(const GrpcLink& link) {
    auto channel = MakeChannel(link.address(), {});
    EXPECT_TRUE(channel.ok());
    stub_ = internal::v1::TensorTransport::NewStub(*channel);
    WithDeadline(context_, absl::Seconds(60));
    stream_ = stub_->Send(&context_);
  }

  bool Hello(int sender = 1, int receiver = 0, uint64_t epoch = kEpoch,
             const std::string& job = "job") {
    internal::v1::SendRequest request;
    request.mutable_hello()->set_job(job);
    request.mutable_hello()->set_epoch(epoch);
    request.mutable_hello()->set_sender(sender);
    request.mutable_hello()->set_receiver(receiver);
    return stream_->Write(request);
  }

  bool Slice(uint64_t tag, uint64_t offset, const std::string& data) {
    internal::v1::SendRequest request;
    request.mutable_slice()->set_step(1);
    request.mutable_slice()->set_key(tag);
    request.mutable_slice()->set_offset(offset);
    request.mutable_slice()->set_data(data);
    return stream_->Write(request);
  }

  bool Write(const internal::v1::SendRequest& request) {
    return stream_->Write(request);
  }

  // Waits for a credit of the tag.
  void ExpectCredit(uint64_t tag, uint64_t bytes) {
    internal::v1::Credit credit;
    ASSERT_TRUE(stream_->Read(&credit));
    EXPECT_EQ(credit.step(), 1);
    EXPECT_EQ(credit.key(), tag);
    EXPECT_EQ(credit.bytes(), bytes);
  }

  void WritesDone() { stream_->WritesDone(); }

  grpc::Status Finish() {
    internal::v1::Credit credit;
    while (stream_->Read(&credit)) {
    }
    return stream_->Finish();
  }

 private:
  std::unique_ptr<internal::v1::TensorTransport::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<internal::v1::SendRequest, internal::v1::Credit>>
      stream_;
};

TEST(GrpcLinkTest, SpeaksTheProtocolOfTheProtoFile) {
  std::vector<std::byte> target(6);
  const auto link = StartLink(0);
  RawSender sender(*link);
  ASSERT_TRUE(sender.Hello());
  ASSERT_TRUE(link->PostReceive(1, {1, 7}, target).ok());
  sender.ExpectCredit(7, 6);
  ASSERT_TRUE(sender.Slice(7, 0, "tens"));
  ASSERT_TRUE(sender.Slice(7, 4, "or"));
  ASSERT_TRUE(link->WaitReceived(1, {1, 7}, Never()).ok());
  EXPECT_EQ(std::string(reinterpret_cast<char*>(target.data()), 6), "tensor");
  sender.WritesDone();
  EXPECT_TRUE(sender.Finish().ok());
}

TEST(GrpcLinkTest, RefusesSlicesThatBreakTheRules) {
  struct Case {
    uint64_t tag;
    uint64_t offset;
    size_t size;
  };
  std::vector<std::byte> target(10);
  for (const auto& [tag, offset, size] :
       {Case{8, 0, 5},           // No credit.
        Case{7, 0, 11},          // Oversized.
        Case{7, 3, 5},           // Overlaps what came before.
        Case{7, 5, 5},           // A gap.
        Case{7, ~0ull, 5},       // An offset that wraps around.
        Case{7, 4, 0},           // Nothing.
        Case{7, 4, 1 << 20}}) {  // Far beyond.
    SCOPED_TRACE(testing::Message() << tag << " " << offset << " " << size);
    const auto link = StartLink(0);
    ASSERT_TRUE(link->PostReceive(1, {1, 7}, target).ok());
    RawSender sender(*link);
    ASSERT_TRUE(sender.Hello());
    sender.ExpectCredit(7, 10);
    ASSERT_TRUE(sender.Slice(7, 0, "0123"));
    sender.Slice(tag, offset, std::string(size, 'x'));
    const grpc::Status status = sender.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << status.error_message();
    const absl::Status received = link->WaitReceived(1, {1, 7}, Never());
    EXPECT_EQ(received.code(), absl::StatusCode::kUnavailable) << received;
    ExpectContains(received, "rank 1");
    // Others are still served.
    RawSender other(*link);
    ASSERT_TRUE(other.Hello(/*sender=*/2));
    ASSERT_TRUE(link->PostReceive(2, {1, 7}, target).ok());
    other.ExpectCredit(7, 10);
    ASSERT_TRUE(other.Slice(7, 0, "0123456789"));
    EXPECT_TRUE(link->WaitReceived(2, {1, 7}, Never()).ok());
  }
}

TEST(GrpcLinkTest, RefusesStreamsThatDoNotBeginWithAHello) {
  const auto link = StartLink(0);
  internal::v1::SendRequest long_hello;
  long_hello.mutable_hello()->set_job(std::string(100'000, 'x'));
  for (const internal::v1::SendRequest& request :
       {internal::v1::SendRequest(), long_hello}) {
    RawSender sender(*link);
    ASSERT_TRUE(sender.Write(request));
    EXPECT_EQ(sender.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  RawSender sender(*link);
  ASSERT_TRUE(sender.Slice(1, 0, "x"));
  EXPECT_EQ(sender.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(GrpcLinkTest, RefusesSendersOfAnotherPlan) {
  const auto link = StartLink(0);
  struct Case {
    int sender;
    int receiver;
    uint64_t epoch;
    std::string job;
  };
  for (const auto& [sender, receiver, epoch, job] :
       {Case{1, 0, kEpoch - 1, "job"}, Case{1, 0, kEpoch + 1, "job"},
        Case{1, 0, kEpoch, "other"}, Case{1, 2, kEpoch, "job"},
        Case{0, 0, kEpoch, "job"}, Case{-1, 0, kEpoch, "job"},
        Case{3, 0, kEpoch, "job"}}) {
    SCOPED_TRACE(testing::Message() << sender << receiver << epoch << job);
    RawSender raw(*link);
    ASSERT_TRUE(raw.Hello(sender, receiver, epoch, job));
    EXPECT_EQ(raw.Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  }
}

TEST(GrpcLinkTest, RefusesASecondStreamOfAPeer) {
  std::vector<std::byte> target(1);
  const auto link = StartLink(0);
  ASSERT_TRUE(link->PostReceive(1, {1, 7}, target).ok());
  RawSender first(*link);
  ASSERT_TRUE(first.Hello());
  first.ExpectCredit(7, 1);
  RawSender second(*link);
  ASSERT_TRUE(second.Hello());
  EXPECT_EQ(second.Finish().error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(first.Slice(7, 0, "x"));
  EXPECT_TRUE(link->WaitReceived(1, {1, 7}, Never()).ok());
}

TEST(GrpcLinkTest, ConnectTellsAStaleExecutorToStop) {
  std::vector<std::byte> bytes(1);
  const auto stale = StartLink(0, kEpoch - 1);
  const auto current = StartLink(1);
  const absl::Status status =
      stale->Connect({"", current->address(), ""}, Never());
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  ExpectContains(status, "rank 1 at " + current->address());
  ExpectContains(status, "this is epoch 4 of job job");
  EXPECT_EQ(stale->Send(1, {1, 1}, bytes).code(), absl::StatusCode::kAborted);
}

TEST(GrpcLinkTest, EndsAStreamThatDoesNotSayWhoseItIs) {
  const auto link = StartLink(0, kEpoch, "job", absl::Milliseconds(20));
  RawSender silent(*link);
  const grpc::Status status = silent.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(status.error_message(), "no hello came within 20ms");
}

TEST(GrpcLinkTest, KeepsAStreamThatSaidWhoseItIs) {
  std::vector<std::byte> target(1);
  const auto link = StartLink(0, kEpoch, "job", absl::Milliseconds(200));
  RawSender sender(*link);
  ASSERT_TRUE(sender.Hello());
  ASSERT_TRUE(link->PostReceive(1, {1, 7}, target).ok());
  sender.ExpectCredit(7, 1);
  RawSender silent(*link);
  // The deadline of a later stream has passed, so has that of the first.
  EXPECT_EQ(silent.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ASSERT_TRUE(sender.Slice(7, 0, "x"));
  EXPECT_TRUE(link->WaitReceived(1, {1, 7}, Never()).ok());
}

TEST(GrpcLinkTest, ConnectNamesAPeerThatIsNotThere) {
  const auto link = StartLink(0);
  auto gone = StartLink(1);
  const std::string address = gone->address();
  gone.reset();
  const absl::Status status = link->Connect({"", address, ""}, Never());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  ExpectContains(status, "rank 1 at " + address);
}

TEST(GrpcLinkTest, ConnectChecksItsAddresses) {
  const auto link = StartLink(0);
  EXPECT_EQ(link->Connect({"", ""}, Never()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(link->Connect({"", "10.0.0.1:1", ""}, Never()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(link->Connect({"", "", ""}, Never()).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(GrpcLinkTest, SendingToAPeerWithoutAddressFails) {
  std::vector<std::byte> bytes(1);
  const auto link = StartLink(0);
  ASSERT_TRUE(link->Connect({"", "", ""}, Never()).ok());
  ASSERT_TRUE(link->Send(2, {1, 1}, bytes).ok());
  EXPECT_EQ(link->WaitSent(2, {1, 1}, Never()).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(GrpcLinkTest, RefusesToListenForOtherMachinesWithoutTls) {
  EXPECT_EQ(GrpcLink::Start(
                {.self = 0, .peer_names = {"rank 0"}, .listen_host = "0.0.0.0"})
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      GrpcLink::Start({.self = 1, .peer_names = {"rank 0"}}).status().code(),
      absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock
