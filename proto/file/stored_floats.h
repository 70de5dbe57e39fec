#ifndef PROTO_FILE_STORED_FLOATS_H_
#define PROTO_FILE_STORED_FLOATS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace penstock {

// IEEE 754's binary32 and binary16, and the upper half of binary32.
enum class FloatType : uint8_t { kF32, kF16, kBf16 };

// The type that safetensors calls so; none for integers and for floats that are
// not read.
std::optional<FloatType> FloatTypeNamed(std::string_view dtype);

// Numbers as a file has them: little-endian, perhaps unaligned. Does not own
// them.
struct StoredFloats {
  std::span<const std::byte> bytes;
  FloatType type = FloatType::kF32;

  size_t count() const;
  bool empty() const { return bytes.empty(); }

  // The first `count` of them, which are there.
  StoredFloats First(size_t count) const;

  // Writes them as float32, which has all of their values. `out` has count().
  void Widen(std::span<float> out) const;
};

}  // namespace penstock

#endif  // PROTO_FILE_STORED_FLOATS_H_
