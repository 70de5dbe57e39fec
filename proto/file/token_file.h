#ifndef PROTO_FILE_TOKEN_FILE_H_
#define PROTO_FILE_TOKEN_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/file.h"

namespace penstock {

// The tokens of a training text, mapped into memory. Little-endian integers in
// one of three layouts, told apart by their headers:
//   Megatron  "NAME.bin" with "NAME.idx" (MMIDIDX version 1, types uint8,
//             uint16, int32) beside it; documents are concatenated.
//   llm.c     256 int32 of header: magic 20240520 (uint16) or 20240801
//             (uint32), version 1 or 7, number of tokens; then the tokens.
//   nanoGPT   tokens only, uint16 unless told otherwise.
//
// Immutable after Open, so thread-safe.
class TokenFile {
 public:
  // Opens and checks the whole file: header against size, every token against
  // the vocabulary. Reads all of it once, at the disk's or memory's speed.
  // `dtype` is "auto", "uint16" or "uint32"; "auto" is the header's type, and
  // uint16 without a header.
  //
  // Errors (all name the file):
  //   NotFound, PermissionDenied: as the system says.
  //   InvalidArgument: empty, truncated, of an unknown version or type, of
  //     another type than `dtype`, or with a token that is not below
  //     `vocabulary`; the message has the first such token and its index.
  static absl::StatusOr<TokenFile> Open(const std::string& path,
                                        std::string_view dtype,
                                        int64_t vocabulary);

  int64_t count() const { return count_; }

  // Widens tokens [offset, offset + out.size()) into `out`. The range must lie
  // within [0, count()).
  void Read(int64_t offset, std::span<int32_t> out) const;

 private:
  TokenFile(MappedFile file, size_t offset, int width, int64_t count);

  MappedFile file_;
  size_t offset_ = 0;  // Of the first token, in bytes.
  int width_ = 2;      // Of a token, in bytes: 1, 2 or 4.
  int64_t count_ = 0;
};

}  // namespace penstock

#endif  // PROTO_FILE_TOKEN_FILE_H_
