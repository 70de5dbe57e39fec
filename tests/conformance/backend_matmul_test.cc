// Matrix products against float64, with every combination of transposes and
// of what is added, on shapes around the tile sizes.

#include "tests/conformance/backend_conformance.h"

namespace penstock {
namespace {

struct Sizes {
  int64_t m, n, k;
};

constexpr Sizes kSizes[] = {{1, 1, 1},    {3, 1, 5},     {1, 17, 3},
                            {7, 33, 31},  {16, 16, 16},  {33, 15, 65},
                            {64, 48, 32}, {130, 70, 257}};

// c = a b + base, where a is [m, k] or, transposed, [k, m]. A sum of k products
// in any order is off by at most k epsilons of the sum of their sizes (Higham
// 2002, section 3.1); two more for what is added.
std::vector<Expected> Oracle(const Sizes& sizes, const std::vector<float>& a,
                             bool transpose_a, const std::vector<float>& b,
                             bool transpose_b, const std::vector<float>* bias,
                             const std::vector<float>* base) {
  const auto [m, n, k] = sizes;
  std::vector<Expected> c(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      double size = 0;
      const auto add = [&](double term) {
        sum += term;
        size += std::abs(term);
      };
      for (int64_t l = 0; l < k; ++l) {
        add(double{a[transpose_a ? l * m + i : i * k + l]} *
            double{b[transpose_b ? j * k + l : l * n + j]});
      }
      if (bias != nullptr) add((*bias)[j]);
      if (base != nullptr) add((*base)[i * n + j]);
      c[i * n + j] = {sum, (static_cast<double>(k) + 2) * kEpsilon * size};
    }
  }
  return c;
}

// One product's operands on the device.
struct Operands {
  std::vector<float> a, b, bias, base;
  DeviceBuffer device_a, device_b, device_bias;
  MatmulArgs args;
};

class MatmulConformance : public BackendConformance {
 protected:
  // Everything but c.
  Operands Make(const Sizes& sizes, bool transpose_a, bool transpose_b) {
    const auto [m, n, k] = sizes;
    std::vector<float> a = RandomFloats(m * k, 1);
    std::vector<float> b = RandomFloats(k * n, 2);
    std::vector<float> bias = RandomFloats(n, 3);
    DeviceBuffer device_a = Upload(a);
    DeviceBuffer device_b = Upload(b);
    DeviceBuffer device_bias = Upload(bias);
    const float* const a_data = device_a.floats();
    const float* const b_data = device_b.floats();
    const MatmulArgs args{
        .a = transpose_a ? Float32(a_data, k, m) : Float32(a_data, m, k),
        .b = transpose_b ? Float32(b_data, n, k) : Float32(b_data, k, n),
        .transpose_a = transpose_a,
        .transpose_b = transpose_b};
    return {std::move(a),           std::move(b),
            std::move(bias),        RandomFloats(m * n, 4),
            std::move(device_a),    std::move(device_b),
            std::move(device_bias), args};
  }
};

TEST_P(MatmulConformance, MatchesFloat64WithEveryTransposeAndAddition) {
  for (const Sizes& sizes : kSizes) {
    for (const int flags : {0, 1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << sizes.m << " x " << sizes.n << " x "
                                      << sizes.k << ", transposes " << flags);
      const bool ta = (flags & 1) != 0;
      const bool tb = (flags & 2) != 0;
      Operands operands = Make(sizes, ta, tb);
      const auto oracle = [&](const std::vector<float>* bias,
                              const std::vector<float>* base) {
        return Oracle(sizes, operands.a, ta, operands.b, tb, bias, base);
      };
      const auto run = [&](DeviceBuffer& c, MatmulArgs args) {
        args.c = Float32(c.floats(), sizes.m, sizes.n);
        const absl::Status status = backend_->Matmul(args);
        ASSERT_TRUE(status.ok()) << std::string(status.message());
      };

      DeviceBuffer plain = Poison(sizes.m * sizes.n);
      run(plain, operands.args);
      ExpectNear(plain, oracle(nullptr, nullptr));

      MatmulArgs with_bias = operands.args;
      with_bias.bias = operands.device_bias.floats();
      DeviceBuffer biased = Poison(sizes.m * sizes.n);
      run(biased, with_bias);
      ExpectNear(biased, oracle(&operands.bias, nullptr));

      DeviceBuffer addend = Upload(operands.base);
      MatmulArgs with_addend = with_bias;
      with_addend.addend = Float32(addend.floats(), sizes.m, sizes.n);
      DeviceBuffer sum = Poison(sizes.m * sizes.n);
      run(sum, with_addend);
      ExpectNear(sum, oracle(&operands.bias, &operands.base));
      run(addend, with_addend);  // c is the addend.
      ExpectNear(addend, oracle(&operands.bias, &operands.base));

      MatmulArgs accumulating = operands.args;
      accumulating.accumulate = true;
      DeviceBuffer total = Upload(operands.base);
      run(total, accumulating);
      ExpectNear(total, oracle(nullptr, &operands.base));
    }
  }
}

TEST_P(MatmulConformance, WritesOnlyItsColumnsOfAWiderTensor) {
  const Sizes sizes{.m = 33, .n = 17, .k = 20};
  Operands operands = Make(sizes, false, false);
  DeviceBuffer apart = Poison(sizes.m * sizes.n);
  MatmulArgs args = operands.args;
  args.c = Float32(apart.floats(), sizes.m, sizes.n);
  ASSERT_TRUE(backend_->Matmul(args).ok());

  const int64_t width = sizes.n + 9;
  DeviceBuffer wide = Upload(std::vector<float>(sizes.m * width, 7.0f));
  args.c = Columns(Float32(wide.floats(), sizes.m, width), 4, sizes.n);
  ASSERT_TRUE(backend_->Matmul(args).ok());
  const std::vector<float> expected = apart.Read();
  const std::vector<float> actual = wide.Read();
  for (int64_t i = 0; i < sizes.m; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      const bool inside = j >= 4 && j < 4 + sizes.n;
      // Another stride may take another order of the sum.
      ASSERT_NEAR(actual[i * width + j],
                  inside ? expected[i * sizes.n + j - 4] : 7.0f,
                  inside ? 2.0 * sizes.k * sizes.k * kEpsilon : 0);
    }
  }
}

TEST_P(MatmulConformance, AProductOverNothingIsWhatIsAdded) {
  const std::vector<float> bias = RandomFloats(5, 1);
  DeviceBuffer device_bias = Upload(bias);
  DeviceBuffer c = Poison(3 * 5);
  const MatmulArgs args{.a = Float32(c.floats(), 3, 0),
                        .b = Float32(c.floats(), 0, 5),
                        .c = Float32(c.floats(), 3, 5),
                        .bias = device_bias.floats()};
  ASSERT_TRUE(backend_->Matmul(args).ok());
  const std::vector<float> actual = c.Read();
  for (int i = 0; i < 15; ++i) EXPECT_EQ(actual[i], bias[i % 5]);
}

TEST_P(MatmulConformance, GivesTheSameBitsTwice) {
  for (const int flags : {0, 1, 2}) {
    const Sizes sizes{.m = 130, .n = 70, .k = 257};
    Operands operands = Make(sizes, (flags & 1) != 0, (flags & 2) != 0);
    DeviceBuffer first = Poison(sizes.m * sizes.n);
    DeviceBuffer second = Poison(sizes.m * sizes.n);
    operands.args.c = Float32(first.floats(), sizes.m, sizes.n);
    ASSERT_TRUE(backend_->Matmul(operands.args).ok());
    operands.args.c = Float32(second.floats(), sizes.m, sizes.n);
    ASSERT_TRUE(backend_->Matmul(operands.args).ok());
    ExpectSameBits(first, second);
  }
}

TEST_P(MatmulConformance, RejectsShapesThatDiffer) {
  DeviceBuffer memory = Poison(16);
  const MatmulArgs args{.a = Float32(memory.floats(), 2, 3),
                        .b = Float32(memory.floats(), 2, 2),
                        .c = Float32(memory.floats() + 8, 2, 2)};
  EXPECT_EQ(backend_->Matmul(args).code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(AllBackends, MatmulConformance,
                         testing::Values("cpu", "cuda"), BackendName);

}  // namespace
}  // namespace penstock
