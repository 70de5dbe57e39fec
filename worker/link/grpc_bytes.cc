#include "worker/link/grpc_bytes.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <cstring>

namespace penstock {

grpc::ByteBuffer ToByteBuffer(std::string_view text) {
  const grpc::Slice slice(text.data(), text.size());
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToText(grpc::ByteBuffer& buffer) {
  std::string text(buffer.Length(), '\0');
  text.resize(CopyBytes(buffer, 0, std::as_writable_bytes(std::span(text))));
  return text;
}

size_t CopyBytes(grpc::ByteBuffer& buffer, size_t begin,
                 std::span<std::byte> out) {
  grpc::ProtoBufferReader reader(&buffer);
  size_t copied = 0;
  const void* data = nullptr;
  int data_bytes = 0;
  while (copied < out.size() && reader.Next(&data, &data_bytes)) {
    const size_t size = data_bytes;
    const size_t skip = std::min(begin, size);
    begin -= skip;
    const size_t count = std::min(size - skip, out.size() - copied);
    std::memcpy(out.data() + copied, static_cast<const std::byte*>(data) + skip,
                count);
    copied += count;
  }
  return copied;
}

}  // namespace penstock
