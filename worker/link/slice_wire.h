#ifndef WORKER_LINK_SLICE_WIRE_H_
#define WORKER_LINK_SLICE_WIRE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "worker/link/link.h"

namespace penstock {

// SendRequest{slice} of tensor_transport.proto, written and read by hand: what
// comes before the tensor's bytes is a short prefix, so that the bytes
// themselves are never copied into a message.

// Data bytes in every slice of a tensor but the last. Measured on loopback: at
// 64 KiB half as fast, at 16 MiB too.
inline constexpr size_t kSliceBytes = 512 << 10;

// No prefix is longer: two lengths of up to 10 bytes, two tags, three fixed64.
inline constexpr size_t kSlicePrefixBytesMax = 64;

struct SlicePrefix {
  MessageKey key;
  uint64_t offset = 0;      // Of the first data byte, in the tensor.
  uint64_t data_bytes = 0;  // They follow the prefix and end the message.

  friend bool operator==(const SlicePrefix&, const SlicePrefix&) = default;
};

// Writes the prefix; returns its length.
size_t WriteSlicePrefix(const SlicePrefix& prefix,
                        std::array<std::byte, kSlicePrefixBytesMax>& out);

struct ParsedSlice {
  SlicePrefix prefix;
  size_t prefix_bytes = 0;
};

// Reads the prefix of a message of `message_bytes` bytes, of which `begin` has
// the first kSlicePrefixBytesMax, or all when it is shorter. Fields may be
// absent (then 0) and in any order, but `data` is the last.
//
// Errors:
//   InvalidArgument: anything else, a length that disagrees with the message's
//     included.
absl::StatusOr<ParsedSlice> ParseSlicePrefix(std::span<const std::byte> begin,
                                             uint64_t message_bytes);

}  // namespace penstock

#endif  // WORKER_LINK_SLICE_WIRE_H_
