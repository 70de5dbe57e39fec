#include "worker/link/send_queue.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/link/pending_transfers.h"
#include "worker/link/slice_wire.h"

namespace penstock {
namespace {

// Receives that the peer has posted and we have no message for yet. A step has
// at most a few per micro-batch; this only bounds what a broken peer can cost.
constexpr size_t kCreditsMax = 1 << 20;

}  // namespace

void SendQueue::Offer(const MessageKey& key, std::span<const std::byte> bytes) {
  const auto credit = credits_.find(key);
  if (credit == credits_.end()) {
    offers_.emplace(key, bytes);
    return;
  }
  const uint64_t credit_bytes = credit->second;
  credits_.erase(credit);
  MakeReady(key, bytes, credit_bytes);
}

absl::Status SendQueue::AddCredit(const MessageKey& key, uint64_t bytes) {
  const auto offer = offers_.find(key);
  if (offer != offers_.end()) {
    const std::span<const std::byte> offered = offer->second;
    offers_.erase(offer);
    MakeReady(key, offered, bytes);
    return absl::OkStatus();
  }
  if (credits_.size() >= kCreditsMax) {
    return absl::InvalidArgumentError(
        fmt::format("more than {} credits without a message", kCreditsMax));
  }
  if (!credits_.emplace(key, bytes).second) {
    return absl::InvalidArgumentError(
        fmt::format("a second credit for {}", ToString(key)));
  }
  return absl::OkStatus();
}

void SendQueue::MakeReady(const MessageKey& key,
                          std::span<const std::byte> bytes,
                          uint64_t credit_bytes) {
  Ready ready{.key = key, .bytes = bytes};
  if (bytes.size() != credit_bytes) {
    ready.refusal = absl::FailedPreconditionError(
        fmt::format("{} has {} bytes, the receiver's buffer {}", ToString(key),
                    bytes.size(), credit_bytes));
  }
  ready_.push_back(std::move(ready));
}

std::optional<SendQueue::Slice> SendQueue::Next() {
  if (ready_.empty()) return std::nullopt;
  Ready& ready = ready_.front();
  Slice slice{.key = ready.key, .refusal = ready.refusal};
  if (!ready.refusal.ok()) {
    slice.offset = ready.bytes.size();
    slice.last = true;
  } else {
    slice.offset = ready.sent_bytes;
    slice.data = ready.bytes.subspan(
        ready.sent_bytes,
        std::min<size_t>(kSliceBytes, ready.bytes.size() - ready.sent_bytes));
    ready.sent_bytes += slice.data.size();
    slice.last = ready.sent_bytes == ready.bytes.size();
  }
  if (slice.last) ready_.pop_front();
  return slice;
}

}  // namespace penstock
