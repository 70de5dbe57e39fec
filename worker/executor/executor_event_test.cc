#include "worker/executor/executor_event.h"

#include <string>
#include <variant>

#include "gtest/gtest.h"

namespace penstock {
namespace {

using internal::v1::FromExecutor;

TEST(ExecutorEventTest, KeepsWhatTheMessageSays) {
  FromExecutor message;
  message.mutable_ready()->set_transport_address("127.0.0.1:7");
  auto* id = message.mutable_ready()->add_communicators();
  id->add_members(1);
  id->add_members(0);
  id->set_id(std::string(128, 'i'));
  const auto ready = std::get<ExecutorReady>(*ExecutorEventFromProto(message));
  EXPECT_EQ(ready.transport_address, "127.0.0.1:7");
  EXPECT_EQ(ready.communicators[0].communicator.members,
            (std::vector<int>{1, 0}));
  id->clear_id();
  EXPECT_FALSE(ExecutorEventFromProto(message).ok());
  message.mutable_progress()->set_action("2F0");
  EXPECT_EQ(std::get<ExecutorProgress>(*ExecutorEventFromProto(message))
                .progress.action,
            "2F0");
  message.mutable_metrics()->set_step(3);
  EXPECT_EQ(
      std::get<ExecutorMetrics>(*ExecutorEventFromProto(message)).metrics.step,
      3);
  message.mutable_trace()->set_step(4);
  EXPECT_EQ(
      std::get<ExecutorTrace>(*ExecutorEventFromProto(message)).trace.step, 4);
  message.mutable_log()->set_text("hello");
  EXPECT_EQ(std::get<ExecutorLog>(*ExecutorEventFromProto(message)).line.text,
            "hello");
  message.mutable_finished()->mutable_progress()->set_step(5);
  EXPECT_EQ(std::get<ExecutorFinished>(*ExecutorEventFromProto(message))
                .progress.step,
            5);
}

TEST(ExecutorEventTest, KeepsTheCodeOfAFailure) {
  FromExecutor message;
  message.mutable_failed()->set_code(
      static_cast<int>(absl::StatusCode::kOutOfRange));
  message.mutable_failed()->set_message("diverged");
  EXPECT_EQ(std::get<ExecutorFailed>(*ExecutorEventFromProto(message)).status,
            absl::OutOfRangeError("diverged"));
  message.mutable_failed()->set_code(0);
  EXPECT_EQ(
      std::get<ExecutorFailed>(*ExecutorEventFromProto(message)).status.code(),
      absl::StatusCode::kInternal);
}

TEST(ExecutorEventTest, RefusesNonsense) {
  FromExecutor message;
  EXPECT_FALSE(ExecutorEventFromProto(message).ok());
  message.mutable_metrics()->set_step(-1);
  EXPECT_FALSE(ExecutorEventFromProto(message).ok());
}

}  // namespace
}  // namespace penstock
