#ifndef PROTO_FILE_TOKEN_LAYOUT_H_
#define PROTO_FILE_TOKEN_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace penstock {

// Where the tokens of a file lie in it.
struct TokenLayout {
  uint64_t offset = 0;  // Of the first token, in bytes.
  int width = 2;        // Of a token, in bytes: 1, 2 or 4.
  uint64_t count = 0;
  std::string_view name;  // Of the format, for messages.
};

// True for the start of a Megatron index.
bool IsMegatronIndex(std::span<const std::byte> index);

// The layout that a Megatron index gives the file of `size` bytes beside it.
// Pure.
//
// Errors:
//   InvalidArgument: index and file do not fit; the message says how, but names
//     no file.
absl::StatusOr<TokenLayout> MegatronLayout(std::span<const std::byte> index,
                                           uint64_t size);

// The layout of a file without index: llm.c's if it has that header, else
// tokens only. `dtype` as for TokenFile::Open. Pure.
//
// Errors: as above.
absl::StatusOr<TokenLayout> PlainLayout(std::span<const std::byte> file,
                                        std::string_view dtype);

}  // namespace penstock

#endif  // PROTO_FILE_TOKEN_LAYOUT_H_
