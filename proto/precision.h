#ifndef PROTO_PRECISION_H_
#define PROTO_PRECISION_H_

#include <cstdint>
#include <string_view>

namespace penstock {

// What a job computes in.
enum class Precision : uint8_t {
  // All is float32.
  kFp32,
  // Activations, their gradients, logits and what travels between stages are
  // bfloat16, as are the factors of matrix products: each weight of two or more
  // dimensions has a rounded copy for them. Weights themselves, their
  // gradients, moments and sums, statistics and losses are float32.
  kBf16,
};

// Of one element of an activation, or of a rounded copy.
constexpr int64_t ElementBytes(Precision precision) {
  return precision == Precision::kFp32 ? 4 : 2;
}

// As in job files.
constexpr std::string_view NameOf(Precision precision) {
  return precision == Precision::kFp32 ? "fp32" : "bf16";
}

}  // namespace penstock

#endif  // PROTO_PRECISION_H_
