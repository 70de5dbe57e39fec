// Compares the tables with the libraries' own headers.

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <string>

#include "gtest/gtest.h"
#include "kernels/cuda/errors.h"

namespace penstock::cuda {
namespace {

TEST(ErrorsInHeadersTest, TheRuntimeHasTheSameNames) {
  for (const ErrorMeaning& error : CudaErrors()) {
    EXPECT_EQ(cudaGetErrorName(static_cast<cudaError_t>(error.code)),
              std::string(error.name));
  }
}

TEST(ErrorsInHeadersTest, CublasHasTheSameNames) {
  for (const ErrorMeaning& error : CublasErrors()) {
    EXPECT_EQ(cublasLtGetStatusName(static_cast<cublasStatus_t>(error.code)),
              std::string(error.name));
  }
}

TEST(ErrorsInHeadersTest, CudnnHasTheSameNames) {
  for (const ErrorMeaning& error : CudnnErrors()) {
    EXPECT_EQ(cudnnGetErrorString(static_cast<cudnnStatus_t>(error.code)),
              std::string(error.name));
  }
}

}  // namespace
}  // namespace penstock::cuda
