#include "kernels/cuda/errors.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace penstock::cuda {
namespace {

TEST(ErrorsTest, TablesAreSortedAndComplete) {
  for (const auto& table : {CudaErrors(), CublasErrors(), CudnnErrors()}) {
    EXPECT_TRUE(std::ranges::is_sorted(table, {}, &ErrorMeaning::code));
    for (const ErrorMeaning& error : table) {
      SCOPED_TRACE(error.name);
      EXPECT_NE(error.status, absl::StatusCode::kOk);
      EXPECT_FALSE(error.meaning.empty());
    }
  }
}

TEST(ErrorsTest, NamesTheOperationTheErrorAndWhatToDo) {
  EXPECT_EQ(FromCuda(0, "gelu"), absl::OkStatus());
  const absl::Status status = FromCuda(35, "opening device 0");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "opening device 0: cudaErrorInsufficientDriver (no driver, or one "
            "older than this build's CUDA)");
}

TEST(ErrorsTest, TellsTheCallerWhatItCanDo) {
  using enum absl::StatusCode;
  EXPECT_EQ(FromCuda(2, "allocate").code(), kResourceExhausted);
  EXPECT_EQ(FromCuda(100, "open").code(), kUnavailable);
  EXPECT_EQ(FromCuda(999, "synchronize").code(), kUnavailable);
  EXPECT_EQ(FromCuda(214, "synchronize").code(), kDataLoss);
  EXPECT_EQ(FromCuda(209, "gelu").code(), kFailedPrecondition);
  EXPECT_EQ(FromCuda(700, "gelu").code(), kInternal);
  EXPECT_EQ(FromCublas(3, "matmul").code(), kResourceExhausted);
  EXPECT_EQ(FromCublas(15, "matmul").code(), kUnimplemented);
  EXPECT_EQ(FromCudnn(3002, "attention").code(), kUnimplemented);
  EXPECT_EQ(FromCudnn(4004, "attention").code(), kResourceExhausted);
}

TEST(ErrorsTest, WhatIsNotListedIsOurBug) {
  const absl::Status status = FromCuda(98, "gelu");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(std::string(status.message()), "gelu: CUDA error 98");
}

TEST(ErrorsTest, KnowsAfterWhichErrorsTheProcessMustEnd) {
  EXPECT_TRUE(IsContextLost(700));
  EXPECT_TRUE(IsContextLost(999));
  EXPECT_TRUE(IsContextLost(214));
  EXPECT_FALSE(IsContextLost(2));
  EXPECT_FALSE(IsContextLost(98));
}

}  // namespace
}  // namespace penstock::cuda
