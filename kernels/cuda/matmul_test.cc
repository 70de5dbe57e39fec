// What the products ask of cuBLASLt, on an emulation that is as strict as its
// documentation.

#include <bit>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backend.h"

namespace penstock {
namespace {

uint16_t Narrow(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}
float Widened(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

class MatmulTest : public testing::Test {
 protected:
  ~MatmulTest() override {
    for (std::byte* const memory : memory_) backend_->Free(memory);
  }

  std::byte* Allocate(int64_t bytes) {
    memory_.push_back(*backend_->Allocate(bytes));
    return memory_.back();
  }

  template <typename T>
  std::byte* Upload(const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    std::byte* const memory = Allocate(std::ssize(bytes));
    EXPECT_TRUE(backend_->CopyIn(bytes, memory).ok());
    EXPECT_TRUE(backend_->Synchronize().ok());
    return memory;
  }

  std::vector<float> Read(const Tensor& x) {
    std::vector<std::byte> bytes(x.rows * x.cols * SizeOf(x.type));
    EXPECT_TRUE(backend_->CopyOut(x.as<std::byte>(), bytes).ok());
    EXPECT_TRUE(backend_->Synchronize().ok());
    std::vector<float> values(x.rows * x.cols);
    for (size_t i = 0; i < values.size(); ++i) {
      if (x.type == DataType::kFloat32) {
        std::memcpy(&values[i], &bytes[i * 4], 4);
      } else {
        uint16_t bits = 0;
        std::memcpy(&bits, &bytes[i * 2], 2);
        values[i] = Widened(bits);
      }
    }
    return values;
  }

  // -1 in each of `cols` columns, to which the bias is added.
  std::vector<float> MinusOnePlus(float bias, int64_t cols) {
    const ConstTensor one{Upload(std::vector<uint16_t>{Narrow(1)}), 1, 1, 1,
                          DataType::kBFloat16};
    const ConstTensor minus_one{Upload(std::vector<uint16_t>(cols, Narrow(-1))),
                                1, cols, cols, DataType::kBFloat16};
    const std::byte* const biases = Upload(std::vector<float>(cols, bias));
    const Tensor c{Allocate(cols * 2), 1, cols, cols, DataType::kBFloat16};
    EXPECT_TRUE(backend_
                    ->Matmul({.a = one,
                              .b = minus_one,
                              .c = c,
                              .bias = reinterpret_cast<const float*>(biases)})
                    .ok());
    return Read(c);
  }

  const std::unique_ptr<Backend> backend_ = *MakeCudaBackend(0);
  std::vector<std::byte*> memory_;
};

// 1 + 2^-9 is between bfloat16's 1 and 1 + 2^-7.
constexpr float kBetween = 1 + 0x1p-9f;

TEST_F(MatmulTest, RoundsABiasThatCublasLtTakesInBfloat16Only) {
  EXPECT_EQ(MinusOnePlus(kBetween, 5), std::vector<float>(5, 0.0f));
  EXPECT_EQ(MinusOnePlus(1.5f, 5), std::vector<float>(5, 0.5f));
}

TEST_F(MatmulTest, AddsABiasFirstThatIsTooLongToBeRounded) {
  const int64_t cols = int64_t{1} << 20;
  EXPECT_EQ(MinusOnePlus(1.5f, cols), std::vector<float>(cols, 0.5f));
}

// The next product's bias may not be rounded while this one's is read.
TEST_F(MatmulTest, EveryProductHasItsOwnBias) {
  const ConstTensor one{Upload(std::vector<uint16_t>{Narrow(1)}), 1, 1, 1,
                        DataType::kBFloat16};
  std::vector<Tensor> results;
  for (int i = 0; i < 8; ++i) {
    const std::byte* const bias =
        Upload(std::vector<float>{static_cast<float>(i)});
    results.push_back({Allocate(2), 1, 1, 1, DataType::kBFloat16});
    ASSERT_TRUE(backend_
                    ->Matmul({.a = one,
                              .b = one,
                              .c = results.back(),
                              .bias = reinterpret_cast<const float*>(bias)})
                    .ok());
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(Read(results[i]), std::vector<float>{1.0f + i});
  }
}

// Terms whose sum depends on their order.
TEST_F(MatmulTest, GivesTheSameBitsEveryTime) {
  std::vector<float> terms;
  for (int i = 0; i < 64; ++i)
    terms.push_back(1.0f / static_cast<float>(i + 1));
  const ConstTensor a = Float32(
      static_cast<const void*>(Upload(std::vector<float>(64, 1.0f))), 1, 64);
  const ConstTensor b = Float32(static_cast<const void*>(Upload(terms)), 64, 1);
  std::vector<std::vector<float>> sums;
  for (int i = 0; i < 4; ++i) {
    const Tensor c = Float32(Allocate(4), 1, 1);
    ASSERT_TRUE(backend_->Matmul({.a = a, .b = b, .c = c}).ok());
    sums.push_back(Read(c));
  }
  for (const auto& sum : sums) EXPECT_EQ(sum, sums.front());
}

// An algorithm for aligned operands is not for others of the same shape.
TEST_F(MatmulTest, AsksAgainForOperandsThatLieElsewhere) {
  const std::byte* const values = Upload(std::vector<float>(64, 2.0f));
  for (const int64_t offset : {0, 1, 2, 3, 8}) {
    SCOPED_TRACE(offset);
    const ConstTensor at = Float32(values + offset * 4, 4, 4);
    const Tensor c = Float32(Allocate(64), 4, 4);
    ASSERT_TRUE(backend_->Matmul({.a = at, .b = at, .c = c}).ok());
    EXPECT_EQ(Read(c), std::vector<float>(16, 16.0f));
  }
}

}  // namespace
}  // namespace penstock
