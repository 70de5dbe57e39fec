#ifndef WORKER_LINK_GRPC_BYTES_H_
#define WORKER_LINK_GRPC_BYTES_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "grpcpp/support/byte_buffer.h"

namespace penstock {

// The receiver's initial metadata has this key when it has taken the sender's
// hello; a refusal has no initial metadata.
inline constexpr char kAcceptedKey[] = "penstock-accepted";

// For small messages; copies.
grpc::ByteBuffer ToByteBuffer(std::string_view text);
std::string ToText(grpc::ByteBuffer& buffer);

// Copies bytes [begin, begin + out.size()) of `buffer` to `out`; what is not
// there is left alone. Returns how many were copied.
size_t CopyBytes(grpc::ByteBuffer& buffer, size_t begin,
                 std::span<std::byte> out);

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_BYTES_H_
