#include "worker/link/grpc_event_loop.h"

#include <future>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(GrpcEventLoopTest, RunsTasksInOrderOnOneThread) {
  GrpcEventLoop loop(std::make_unique<grpc::CompletionQueue>());
  loop.Start();
  std::vector<int> order;
  std::promise<std::thread::id> done;
  for (int i = 0; i < 1000; ++i) {
    loop.Post([&order, i] { order.push_back(i); });
  }
  loop.Post([&] { done.set_value(std::this_thread::get_id()); });
  EXPECT_NE(done.get_future().get(), std::this_thread::get_id());
  ASSERT_EQ(order.size(), 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[i], i);
}

TEST(GrpcEventLoopTest, TasksMayPostTasks) {
  GrpcEventLoop loop(std::make_unique<grpc::CompletionQueue>());
  loop.Start();
  std::promise<void> done;
  loop.Post([&] { loop.Post([&] { done.set_value(); }); });
  done.get_future().get();
}

TEST(GrpcEventLoopTest, StopsWithTasksPostedAndUnused) {
  {
    GrpcEventLoop loop(std::make_unique<grpc::CompletionQueue>());
    loop.Post([] { FAIL() << "not started"; });
  }
  GrpcEventLoop loop(std::make_unique<grpc::CompletionQueue>());
  loop.Start();
  loop.Stop();
  loop.Post([] { FAIL() << "stopped"; });
}

}  // namespace
}  // namespace penstock
