#ifndef WORKER_LINK_SEND_QUEUE_H_
#define WORKER_LINK_SEND_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "worker/link/link.h"

namespace penstock {

// What goes to one peer next: offers that meet their credit are cut into
// slices, the message first whose second half came first.
//
// Pure. Keys are unique until their last slice was taken.
class SendQueue {
 public:
  struct Slice {
    MessageKey key;
    uint64_t offset = 0;
    std::span<const std::byte> data;
    bool last = false;  // Of its message.
    // Set when the receiver's buffer has another size. Then `data` is empty and
    // `offset` is the size of what was offered, which tells the receiver.
    absl::Status refusal;
  };

  void Offer(const MessageKey& key, std::span<const std::byte> bytes);

  // Takes in what the peer says: its buffer for `key` has `bytes` bytes.
  //
  // Errors:
  //   InvalidArgument: a second credit for the key, or too many without offer.
  absl::Status AddCredit(const MessageKey& key, uint64_t bytes);

  // The next slice, of at most kSliceBytes; none when all is waiting.
  std::optional<Slice> Next();

 private:
  struct Ready {
    MessageKey key;
    std::span<const std::byte> bytes;
    uint64_t sent_bytes = 0;
    absl::Status refusal;
  };

  void MakeReady(const MessageKey& key, std::span<const std::byte> bytes,
                 uint64_t credit_bytes);

  std::map<MessageKey, std::span<const std::byte>> offers_;
  std::map<MessageKey, uint64_t> credits_;
  std::deque<Ready> ready_;
};

}  // namespace penstock

#endif  // WORKER_LINK_SEND_QUEUE_H_
