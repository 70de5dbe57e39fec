#include "proto/action.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(ActionTest, TextFormRoundTrips) {
  const std::string text =
      "2F0 10B31 0I7 3W2 1SEND_F3 2RECV_F3 2SEND_B0 1RECV_B0 0REDUCE_GRAD "
      "4REDUCE_TIED 0R3 3REDUCE_COPY 2UPDATE1 0UNSHARD 0RESHARD 2F0.1 2B7@3 "
      "1SEND_F2.3@4 (4F4;3B0)OVERLAP_F_B OPTIMIZER";
  const auto program = ParseProgram(text);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->size(), 21);
  EXPECT_EQ(ToString(*program), text);
  EXPECT_EQ((*program)[1], (Action{10, ActionKind::kBackward, 31}));
  EXPECT_EQ((*program)[17], (Action{1, ActionKind::kSendForward, 2, 4, 3}));
  EXPECT_TRUE((*program)[18].overlaps_next);
  EXPECT_EQ((*program)[19], (Action{3, ActionKind::kBackward, 0}));
}

TEST(ActionTest, RefusesWhatIsNotExactlyAnAction) {
  for (const char* text : {"",
                           "F",
                           "2F",
                           "F0",
                           "2X0",
                           "12BANANA",
                           "2F0 ",
                           "02F0",
                           "2F00",
                           "-1F0",
                           "2F-1",
                           "0REDUCE_GRAD1",
                           "REDUCE_GRAD",
                           "0OPTIMIZER",
                           "2f0",
                           "99999999999F0",
                           "2F0.",
                           "2F0@",
                           "2F0.128",
                           "2F0@40000",
                           "2F0@1.1",
                           "2F0.1.1",
                           "2F.1"}) {
    EXPECT_EQ(ParseAction(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(ActionTest, RefusesAProgramWithStraySpaces) {
  EXPECT_FALSE(ParseProgram("0F0  0B0").ok());
  EXPECT_FALSE(ParseProgram("0F0 ").ok());
  EXPECT_TRUE(ParseProgram("").value().empty());
}

TEST(ActionTest, RefusesWhatIsNotExactlyACompoundAction) {
  for (const char* text :
       {"(4F4;3B0)", "(4F4;3B0)OVERLAP_F_B1", "(4F4)OVERLAP_F_B",
        "(3B0;4F4)OVERLAP_F_B", "(4F4;3B0;2B0)OVERLAP_F_B", "4F4;3B0"}) {
    EXPECT_FALSE(ParseProgram(text).ok()) << text;
  }
}

}  // namespace
}  // namespace penstock
