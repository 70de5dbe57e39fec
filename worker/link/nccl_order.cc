#include "worker/link/nccl_order.h"

#include <utility>

#include "fmt/format.h"
#include "worker/link/pending_transfers.h"

namespace penstock {
namespace {

// Receives that the peer has posted and we have no message for yet. A step has
// at most a few per micro-batch; this only bounds what a broken peer can cost.
constexpr size_t kCreditsMax = 1 << 20;

}  // namespace

std::optional<NcclSendOrder::Message> NcclSendOrder::Offer(
    const MessageKey& key, std::span<const std::byte> bytes) {
  const auto credit = credits_.find(key);
  if (credit == credits_.end()) {
    offers_.emplace(key, bytes);
    return std::nullopt;
  }
  const uint64_t credit_bytes = credit->second;
  credits_.erase(credit);
  return Match(key, bytes, credit_bytes);
}

absl::StatusOr<std::optional<NcclSendOrder::Message>> NcclSendOrder::AddCredit(
    const MessageKey& key, uint64_t bytes) {
  const auto offer = offers_.find(key);
  if (offer != offers_.end()) {
    const std::span<const std::byte> offered = offer->second;
    offers_.erase(offer);
    return Match(key, offered, bytes);
  }
  if (credits_.size() >= kCreditsMax) {
    return absl::InvalidArgumentError(
        fmt::format("more than {} credits without a message", kCreditsMax));
  }
  if (!credits_.emplace(key, bytes).second) {
    return absl::InvalidArgumentError(
        fmt::format("a second credit for {}", ToString(key)));
  }
  return std::nullopt;
}

NcclSendOrder::Message NcclSendOrder::Match(const MessageKey& key,
                                            std::span<const std::byte> bytes,
                                            uint64_t credit_bytes) {
  Message message{.key = key, .bytes = bytes};
  if (bytes.size() == credit_bytes) {
    message.number = ++number_;
  } else {
    message.refusal = absl::FailedPreconditionError(
        fmt::format("{} has {} bytes, the receiver's buffer {}", ToString(key),
                    bytes.size(), credit_bytes));
  }
  return message;
}

void NcclReceiveOrder::Post(const MessageKey& key, std::span<std::byte> bytes) {
  buffers_.emplace(key, bytes);
}

absl::StatusOr<NcclReceiveOrder::Message> NcclReceiveOrder::Grant(
    uint64_t number, const MessageKey& key, uint64_t bytes) {
  if (number != number_ + 1) {
    return absl::InvalidArgumentError(
        fmt::format("{} is announced as number {} of its edge, where {} comes",
                    ToString(key), number, number_ + 1));
  }
  const auto buffer = buffers_.find(key);
  if (buffer == buffers_.end() || buffer->second.size() != bytes) {
    return absl::InvalidArgumentError(fmt::format(
        "{} of {} bytes is announced as number {} of its edge, and {}",
        ToString(key), bytes, number,
        buffer == buffers_.end()
            ? "no buffer is posted for it"
            : fmt::format("its buffer has {}", buffer->second.size())));
  }
  Message message{.key = key, .bytes = buffer->second, .number = ++number_};
  buffers_.erase(buffer);
  return message;
}

absl::StatusOr<NcclReceiveOrder::Message> NcclReceiveOrder::Refuse(
    const MessageKey& key, uint64_t bytes) {
  const auto buffer = buffers_.find(key);
  if (buffer == buffers_.end()) {
    return absl::InvalidArgumentError(fmt::format(
        "{} is refused, and no buffer is posted for it", ToString(key)));
  }
  Message message{.key = key,
                  .bytes = buffer->second,
                  .refusal = absl::FailedPreconditionError(fmt::format(
                      "{} has {} bytes, the buffer {}", ToString(key), bytes,
                      buffer->second.size()))};
  buffers_.erase(buffer);
  return message;
}

}  // namespace penstock
