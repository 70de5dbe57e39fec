#include "proto/action.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(ActionTest, TextFormRoundTrips) {
  const std::string text =
      "2F0 10B31 0I7 3W2 1SEND_F3 2RECV_F3 2SEND_B0 1RECV_B0 0REDUCE_GRAD "
      "4REDUCE_TIED OPTIMIZER";
  const auto program = ParseProgram(text);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->size(), 11);
  EXPECT_EQ(ToString(*program), text);
  EXPECT_EQ((*program)[1], (Action{10, ActionKind::kBackward, 31}));
}

TEST(ActionTest, RefusesWhatIsNotExactlyAnAction) {
  for (const char* text :
       {"", "F", "2F", "F0", "2X0", "12BANANA", "2F0 ", "02F0", "2F00", "-1F0",
        "2F-1", "0REDUCE_GRAD1", "REDUCE_GRAD", "0OPTIMIZER", "2f0",
        "99999999999F0"}) {
    EXPECT_EQ(ParseAction(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(ActionTest, RefusesAProgramWithDoubleSpaces) {
  EXPECT_FALSE(ParseProgram("0F0  0B0").ok());
  EXPECT_TRUE(ParseProgram("").value().empty());
}

}  // namespace
}  // namespace penstock
