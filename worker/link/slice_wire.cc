#include "worker/link/slice_wire.h"

#include <bit>
#include <cstring>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

static_assert(std::endian::native == std::endian::little,
              "fixed64 is copied as it lies in memory");

// (field number << 3) | wire type; 1 is fixed64, 2 is length-delimited.
constexpr uint8_t kSliceTag = 2 << 3 | 2;
constexpr uint8_t kKeyTag = 1 << 3 | 1;
constexpr uint8_t kStepTag = 2 << 3 | 1;
constexpr uint8_t kOffsetTag = 3 << 3 | 1;
constexpr uint8_t kDataTag = 4 << 3 | 2;

size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 128; value >>= 7) ++bytes;
  return bytes;
}

std::byte* WriteVarint(uint64_t value, std::byte* out) {
  for (; value >= 128; value >>= 7) {
    *out++ = static_cast<std::byte>(value | 128);
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

std::byte* WriteFixed64(uint8_t tag, uint64_t value, std::byte* out) {
  *out++ = static_cast<std::byte>(tag);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

// Reads forward; what is not there is an error.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }

  absl::StatusOr<uint8_t> Byte() {
    if (position_ == bytes_.size()) return Truncated();
    return static_cast<uint8_t>(bytes_[position_++]);
  }

  absl::StatusOr<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      ASSIGN_OR_RETURN(const uint64_t byte, Byte());
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    return absl::InvalidArgumentError("slice: a length of too many bytes");
  }

  absl::StatusOr<uint64_t> Fixed64() {
    uint64_t value = 0;
    if (bytes_.size() - position_ < sizeof(value)) return Truncated();
    std::memcpy(&value, &bytes_[position_], sizeof(value));
    position_ += sizeof(value);
    return value;
  }

 private:
  static absl::Status Truncated() {
    return absl::InvalidArgumentError("slice: ends too early");
  }

  std::span<const std::byte> bytes_;
  size_t position_ = 0;
};

uint64_t* FixedField(uint8_t tag, SlicePrefix& prefix) {
  switch (tag) {
    case kKeyTag:
      return &prefix.key.tag;
    case kStepTag:
      return &prefix.key.step;
    case kOffsetTag:
      return &prefix.offset;
    default:
      return nullptr;
  }
}

}  // namespace

size_t WriteSlicePrefix(const SlicePrefix& prefix,
                        std::array<std::byte, kSlicePrefixBytesMax>& out) {
  const uint64_t slice_bytes =
      3 * 9 + 1 + VarintBytes(prefix.data_bytes) + prefix.data_bytes;
  std::byte* end = out.data();
  *end++ = static_cast<std::byte>(kSliceTag);
  end = WriteVarint(slice_bytes, end);
  end = WriteFixed64(kKeyTag, prefix.key.tag, end);
  end = WriteFixed64(kStepTag, prefix.key.step, end);
  end = WriteFixed64(kOffsetTag, prefix.offset, end);
  *end++ = static_cast<std::byte>(kDataTag);
  end = WriteVarint(prefix.data_bytes, end);
  return end - out.data();
}

absl::StatusOr<ParsedSlice> ParseSlicePrefix(std::span<const std::byte> begin,
                                             uint64_t message_bytes) {
  Reader reader(begin);
  ASSIGN_OR_RETURN(const uint8_t slice_tag, reader.Byte());
  ASSIGN_OR_RETURN(const uint64_t slice_bytes, reader.Varint());
  if (slice_tag != kSliceTag ||
      slice_bytes != message_bytes - reader.position()) {
    return absl::InvalidArgumentError("not exactly one slice");
  }
  ParsedSlice parsed;
  while (reader.position() < message_bytes) {
    ASSIGN_OR_RETURN(const uint8_t tag, reader.Byte());
    if (uint64_t* field = FixedField(tag, parsed.prefix)) {
      ASSIGN_OR_RETURN(*field, reader.Fixed64());
    } else if (tag == kDataTag) {
      ASSIGN_OR_RETURN(parsed.prefix.data_bytes, reader.Varint());
      if (parsed.prefix.data_bytes != message_bytes - reader.position()) {
        return absl::InvalidArgumentError(
            "slice: the data do not end where the message ends");
      }
      break;
    } else {
      return absl::InvalidArgumentError("slice: an unknown field");
    }
  }
  parsed.prefix_bytes = reader.position();
  return parsed;
}

}  // namespace penstock
