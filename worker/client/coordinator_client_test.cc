#include "worker/client/coordinator_client.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "proto/base/clock.h"
#include "proto/base/mutex.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/server.h"
#include "proto/version.h"

namespace penstock {
namespace {

// Refuses every stream for good, before or after it says that it is there.
class RefusingPool final : public internal::v1::WorkerPool::Service {
 public:
  explicit RefusingPool(bool up_first) : up_first_(up_first) {}

  grpc::Status Synchronize(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<internal::v1::WorkerInstruction,
                               internal::v1::WorkerReport>* stream) override {
    if (up_first_) {
      context->AddInitialMetadata(kVersionMetadata, kVersion);
      stream->SendInitialMetadata();
    }
    return grpc::Status(grpc::ALREADY_EXISTS, "no");
  }

 private:
  const bool up_first_;
};

class CoordinatorClientTest : public testing::Test {
 protected:
  std::unique_ptr<CoordinatorClient> Connect(
      const std::string& address, absl::Duration patience = absl::Hours(1)) {
    auto channel = MakeChannel(address, {});
    EXPECT_TRUE(channel.ok()) << channel.status();
    return std::make_unique<CoordinatorClient>(
        *channel,
        CoordinatorClient::Events{
            .on_connected = [this] { Count(connected_); },
            .on_waiting = [this](const absl::Status&) { Count(waiting_); },
            .on_instruction = [](WorkerInstruction) {},
            .on_disconnected =
                [this](const absl::Status& status) {
                  MutexLock lock(mutex_);
                  end_ = status;
                  changed_.NotifyAll();
                }},
        patience);
  }

  void Count(int& events) {
    MutexLock lock(mutex_);
    ++events;
    changed_.NotifyAll();
  }

  std::optional<absl::Status> WaitForEnd() {
    const absl::Time deadline = SteadyNow() + absl::Seconds(30);
    MutexLock lock(mutex_);
    while (!end_.has_value()) {
      if (!changed_.WaitUntil(mutex_, deadline)) break;
    }
    return end_;
  }

  Mutex mutex_;
  CondVar changed_;
  int connected_ = 0;
  int waiting_ = 0;
  std::optional<absl::Status> end_;
};

TEST_F(CoordinatorClientTest, IsConnectedOnlyWhenTheCoordinatorSaysSo) {
  for (const bool up_first : {false, true}) {
    SCOPED_TRACE(up_first);
    RefusingPool pool(up_first);
    auto server = RpcServer::Start({.address = "127.0.0.1:0"}, {&pool});
    ASSERT_TRUE(server.ok()) << server.status();
    connected_ = 0;
    end_.reset();
    const auto client = Connect((*server)->address());
    EXPECT_EQ(WaitForEnd(), absl::AlreadyExistsError("no"));
    MutexLock lock(mutex_);
    EXPECT_EQ(connected_, up_first ? 1 : 0);
  }
}

TEST_F(CoordinatorClientTest, SaysOnceThatNobodyIsThere) {
  std::string address;
  {
    RefusingPool pool(false);
    auto server = RpcServer::Start({.address = "127.0.0.1:0"}, {&pool});
    ASSERT_TRUE(server.ok()) << server.status();
    address = (*server)->address();
  }
  const auto client = Connect(address, absl::Milliseconds(10));
  const absl::Time deadline = SteadyNow() + absl::Seconds(30);
  MutexLock lock(mutex_);
  while (waiting_ == 0) {
    ASSERT_TRUE(changed_.WaitUntil(mutex_, deadline));
  }
  EXPECT_EQ(connected_, 0);
  // Ten times as long brings no second one.
  const absl::Time later = SteadyNow() + absl::Milliseconds(100);
  while (changed_.WaitUntil(mutex_, later)) {
  }
  EXPECT_EQ(waiting_, 1);
}

}  // namespace
}  // namespace penstock
