#include "coordinator/schedule/program_writer.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(ProgramWriterTest, GivesOutMicrobatchesInOrder) {
  ProgramWriter writer({{1, 0}, {6, 2}}, 2, 8);
  writer.Forward(0);
  writer.Forward(1);
  writer.Overlapped(0, 1);
  writer.Forward(0);  // Beyond the last.
  EXPECT_EQ(writer.forwards(0), 3);
  EXPECT_EQ(writer.backwards(1), 1);
  EXPECT_EQ(ToString(std::move(writer).Take()), "1F0 6F2 (1F1;6B2)OVERLAP_F_B");
}

TEST(ProgramWriterTest, RunsTheOldestWeightGradientFirst) {
  ProgramWriter writer({{0, 0}, {3, 0}}, 3, 8);
  writer.Backward(1);
  writer.InputGradient(1);
  writer.InputGradient(0);
  for (int i = 0; i < 3; ++i) writer.OldestWeightGradient();
  writer.InputGradient(1);
  writer.WeightGradient(1);
  EXPECT_EQ(ToString(std::move(writer).Take()), "3B0 3I1 0I0 3W1 0W0 3I2 3W2");
}

}  // namespace
}  // namespace penstock
