#ifndef PROTO_FILE_TOKEN_WRITER_H_
#define PROTO_FILE_TOKEN_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/file/disk.h"

namespace penstock {

// Stands between two documents. Text has no NUL bytes, so that a vocabulary of
// 256 is enough for all texts.
inline constexpr uint16_t kDocumentSeparator = 0;

struct PreparedTokens {
  int64_t tokens = 0;  // With separators.
  int64_t documents = 0;
};

// Turns each file of `texts` into one document, its bytes into tokens, and
// writes them to `output` in nanoGPT's layout (uint16), one separator between
// documents. After a crash there is the old output or the new one.
//
// Errors:
//   InvalidArgument: no texts, an empty one, or one with a NUL byte, which
//     would read as a separator; the message names the file and the offset.
//   NotFound, PermissionDenied, ResourceExhausted: as the system says.
absl::StatusOr<PreparedTokens> PrepareTokens(
    const std::vector<std::string>& texts, const std::string& output,
    Disk& disk);

}  // namespace penstock

#endif  // PROTO_FILE_TOKEN_WRITER_H_
