#ifndef WORKER_LINK_NCCL_ORDER_H_
#define WORKER_LINK_NCCL_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/link/link.h"

namespace penstock {

// NCCL matches what two ends do by order alone, links match by key. So the
// sender of an edge fixes the order, one message after the other as their two
// halves have met with it, and grants each to the receiver by number, key and
// size before either end begins. A receive is never begun before its message is
// there to be sent: it would wait on the device, in the way of others.

// One message whose halves have met. Of the receiver's side, `bytes` is where
// it goes; of the sender's, what is sent.
template <typename Byte>
struct NcclMessage {
  MessageKey key;
  std::span<Byte> bytes;
  uint64_t number = 0;  // On its edge, from 1; 0 when refused.
  // Set when the two halves have different sizes; then nothing is moved.
  absl::Status refusal;
};

// The sender's side of one edge. Pure. Keys are unique until their message has
// met its credit.
class NcclSendOrder {
 public:
  using Message = NcclMessage<const std::byte>;

  // The message, when its credit is there; else it waits for that.
  std::optional<Message> Offer(const MessageKey& key,
                               std::span<const std::byte> bytes);

  // Takes in that the receiver has a buffer of `bytes` bytes for `key`.
  //
  // Errors:
  //   InvalidArgument: a second credit for the key, or too many without offer.
  absl::StatusOr<std::optional<Message>> AddCredit(const MessageKey& key,
                                                   uint64_t bytes);

 private:
  Message Match(const MessageKey& key, std::span<const std::byte> bytes,
                uint64_t credit_bytes);

  std::map<MessageKey, std::span<const std::byte>> offers_;
  std::map<MessageKey, uint64_t> credits_;
  uint64_t number_ = 0;  // Of the last message.
};

// The receiver's side. Pure; trusts nothing that a grant says.
class NcclReceiveOrder {
 public:
  using Message = NcclMessage<std::byte>;

  void Post(const MessageKey& key, std::span<std::byte> bytes);

  // Takes in that message `number` of the edge is `key` with `bytes` bytes.
  //
  // Errors:
  //   InvalidArgument: it is not the next number, or there is no buffer of that
  //     size for the key: the ends disagree on what comes, and NCCL would put
  //     one message into another one's buffer.
  absl::StatusOr<Message> Grant(uint64_t number, const MessageKey& key,
                                uint64_t bytes);

  // Takes in that the message `key` has `bytes` bytes and will not come.
  //
  // Errors: InvalidArgument: there is no buffer for it.
  absl::StatusOr<Message> Refuse(const MessageKey& key, uint64_t bytes);

 private:
  std::map<MessageKey, std::span<std::byte>> buffers_;
  uint64_t number_ = 0;  // Of the last grant.
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_ORDER_H_
