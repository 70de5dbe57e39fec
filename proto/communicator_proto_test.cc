#include "proto/communicator_proto.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

CommunicatorId Make(bool group, std::vector<int> members) {
  CommunicatorId id{.communicator = {group, std::move(members)}};
  // With bytes that no text has.
  for (size_t i = 0; i < id.id.size(); ++i) id.id[i] = static_cast<char>(i * 2);
  return id;
}

TEST(CommunicatorProtoTest, SurvivesTheRoundTrip) {
  const std::vector<CommunicatorId> ids = {Make(false, {3, 1}),
                                           Make(true, {0, 2, 4})};
  CommunicatorIdMessages messages;
  CommunicatorIdsToProto(ids, &messages);
  const auto copy = CommunicatorIdsFromProto(messages);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(*copy, ids);
}

TEST(CommunicatorProtoTest, RefusesWhatNoExecutorMakes) {
  const auto refused = [](auto damage) {
    CommunicatorIdMessages messages;
    CommunicatorIdsToProto({Make(false, {0, 1}), Make(true, {0, 1, 2})},
                           &messages);
    damage(messages);
    return CommunicatorIdsFromProto(messages).status();
  };
  using Messages = CommunicatorIdMessages;
  for (const absl::Status& status :
       {refused([](Messages& m) { m[1].mutable_id()->pop_back(); }),
        refused([](Messages& m) { m[1].clear_members(); }),
        refused([](Messages& m) { m[1].set_members(2, -1); }),
        refused([](Messages& m) { m[1].set_group(false); }),
        refused([](Messages& m) {
          for (int i = 0; i < 5000; ++i) m[1].add_members(i);
        })}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(std::string(status.message()).starts_with("communicators[1]"))
        << status;
  }
  EXPECT_FALSE(refused([](Messages& m) {
                 for (int i = 0; i < 300; ++i) *m.Add() = m[0];
               }).ok());
}

}  // namespace
}  // namespace penstock
