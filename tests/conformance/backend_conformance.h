#ifndef TESTS_CONFORMANCE_BACKEND_CONFORMANCE_H_
#define TESTS_CONFORMANCE_BACKEND_CONFORMANCE_H_

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "proto/base/random.h"
#include "tests/numerics/device_buffer.h"

namespace penstock {

inline constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

// What every backend must do, run on each that this build and machine have.
// One that is not here skips and says why, unless the environment variable
// PENSTOCK_REQUIRE names it: then that is a failure.
class BackendConformance : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string name = GetParam();
    if (name == "cpu") {
      backend_ = MakeCpuBackend();
      return;
    }
    auto backend = MakeCudaBackend(/*device=*/0);
    if (backend.ok()) {
      backend_ = *std::move(backend);
      return;
    }
    const char* const required = std::getenv("PENSTOCK_REQUIRE");
    const std::string reason(backend.status().message());
    if (required != nullptr &&
        std::string(required).find(name) != std::string::npos) {
      FAIL() << "PENSTOCK_REQUIRE=" << required << ": " << reason;
    }
    GTEST_SKIP() << name << ": " << reason;
  }

  // Uploads `values`, or `count` NaNs: what an operation overwrites must not
  // depend on what was there.
  DeviceBuffer Upload(const std::vector<float>& values) {
    return DeviceBuffer::Of(*backend_, std::span<const float>(values));
  }
  DeviceBuffer Upload(const std::vector<int32_t>& values) {
    return DeviceBuffer::Of(*backend_, std::span<const int32_t>(values));
  }
  DeviceBuffer Poison(int64_t count) { return {*backend_, count * 4}; }

  std::unique_ptr<Backend> backend_;
};

// Uniform in [-1, 1).
inline std::vector<float> RandomFloats(int64_t count, uint64_t seed) {
  Random random(seed << 32);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = static_cast<float>(2 * random.Uniform() - 1);
  }
  return values;
}

// A value in float64 and by how much a float32 computation may miss it.
struct Expected {
  double value = 0;
  double tolerance = 0;
};

// Compares what is in `buffer` and that nothing was written behind it.
inline void ExpectNear(const DeviceBuffer& buffer,
                       const std::vector<Expected>& expected) {
  ASSERT_TRUE(buffer.GuardIsIntact());
  const std::vector<float> actual = buffer.Read();
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i].value, expected[i].tolerance)
        << "element " << i;
  }
}

// Equality of bits, so that NaNs compare, too.
inline void ExpectSameBits(const DeviceBuffer& a, const DeviceBuffer& b) {
  const std::vector<float> left = a.Read();
  const std::vector<float> right = b.Read();
  ASSERT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(left[i]),
              std::bit_cast<uint32_t>(right[i]))
        << "element " << i << ": " << left[i] << " and " << right[i];
  }
}

// Around the vectors of 4, 8 and 16 lanes and the warps of 32, where guards go
// wrong.
inline constexpr int64_t kWidths[] = {1,  3,  7,  8,  9,  15, 16,
                                      17, 31, 32, 33, 63, 130};

inline std::string BackendName(
    const testing::TestParamInfo<const char*>& info) {
  return info.param;
}

}  // namespace penstock

#endif  // TESTS_CONFORMANCE_BACKEND_CONFORMANCE_H_
