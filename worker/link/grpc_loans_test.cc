#include "worker/link/grpc_loans.h"

#include <optional>

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr std::byte kBytes[8] = {};

TEST(GrpcLoansTest, ReturnsWhenTheLastSliceIsGone) {
  const auto loans = std::make_shared<GrpcLoans>();
  int returned = 0;
  auto* loan = loans->Open([&] { ++returned; });
  std::optional<grpc::Slice> first = loan->Lend(kBytes);
  std::optional<grpc::Slice> second = loan->Lend(kBytes);
  EXPECT_EQ(static_cast<const void*>(first->begin()), kBytes);
  first.reset();
  loan->Close(/*complete=*/true);
  EXPECT_EQ(returned, 0);
  EXPECT_FALSE(loans->WaitForAll(SteadyNow()));
  second.reset();
  EXPECT_EQ(returned, 1);
  EXPECT_TRUE(loans->WaitForAll(SteadyNow()));
}

TEST(GrpcLoansTest, SaysNothingOfAnIncompleteMessage) {
  const auto loans = std::make_shared<GrpcLoans>();
  int returned = 0;
  auto* loan = loans->Open([&] { ++returned; });
  std::optional<grpc::Slice> slice = loan->Lend(kBytes);
  loan->Close(/*complete=*/false);
  slice.reset();
  EXPECT_EQ(returned, 0);
  EXPECT_TRUE(loans->WaitForAll(SteadyNow()));
}

}  // namespace
}  // namespace penstock
