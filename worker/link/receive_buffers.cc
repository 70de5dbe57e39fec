#include "worker/link/receive_buffers.h"

#include <fmt/format.h>

#include "worker/link/pending_transfers.h"

namespace penstock {

void ReceiveBuffers::Post(const MessageKey& key, std::span<std::byte> bytes) {
  buffers_.emplace(key, Buffer{.bytes = bytes});
}

absl::StatusOr<ReceiveBuffers::Landing> ReceiveBuffers::Take(
    const SlicePrefix& slice) {
  const auto entry = buffers_.find(slice.key);
  if (entry == buffers_.end()) {
    return absl::InvalidArgumentError(
        fmt::format("a slice without credit: {}", ToString(slice.key)));
  }
  Buffer& buffer = entry->second;
  Landing landing;
  if (slice.data_bytes == 0 && buffer.received_bytes == 0 &&
      slice.offset != buffer.bytes.size()) {
    landing.ends = true;
    landing.result = absl::FailedPreconditionError(
        fmt::format("{} has {} bytes, the buffer {}", ToString(slice.key),
                    slice.offset, buffer.bytes.size()));
    buffers_.erase(entry);
    return landing;
  }
  const uint64_t left_bytes = buffer.bytes.size() - buffer.received_bytes;
  if (slice.offset != buffer.received_bytes || slice.data_bytes > left_bytes ||
      (slice.data_bytes == 0 && left_bytes > 0)) {
    return absl::InvalidArgumentError(fmt::format(
        "a slice of {} bytes at {} where {} of {} bytes are received: {}",
        slice.data_bytes, slice.offset, buffer.received_bytes,
        buffer.bytes.size(), ToString(slice.key)));
  }
  landing.place = buffer.bytes.subspan(slice.offset, slice.data_bytes);
  buffer.received_bytes += slice.data_bytes;
  landing.ends = buffer.received_bytes == buffer.bytes.size();
  if (landing.ends) buffers_.erase(entry);
  return landing;
}

}  // namespace penstock
