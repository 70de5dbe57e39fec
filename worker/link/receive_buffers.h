#ifndef WORKER_LINK_RECEIVE_BUFFERS_H_
#define WORKER_LINK_RECEIVE_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "absl/status/statusor.h"
#include "worker/link/link.h"
#include "worker/link/slice_wire.h"

namespace penstock {

// Where the messages of one peer land. Trusts nothing that a slice says.
//
// Pure. Keys are unique until their message is complete.
class ReceiveBuffers {
 public:
  // Where a slice's data go, and what that does to its message.
  struct Landing {
    std::span<std::byte> place;  // Of exactly the slice's data.
    bool ends = false;           // Nothing more of this message will come.
    absl::Status result;         // Of the message, when it ends.
  };

  void Post(const MessageKey& key, std::span<std::byte> bytes);

  // Errors:
  //   InvalidArgument: no buffer is posted for the slice, or it does not begin
  //     where the last one of its message ended, or it ends beyond the buffer.
  absl::StatusOr<Landing> Take(const SlicePrefix& slice);

 private:
  struct Buffer {
    std::span<std::byte> bytes;
    uint64_t received_bytes = 0;
  };

  std::map<MessageKey, Buffer> buffers_;
};

}  // namespace penstock

#endif  // WORKER_LINK_RECEIVE_BUFFERS_H_
