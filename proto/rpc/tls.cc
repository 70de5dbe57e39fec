#include "proto/rpc/tls.h"

#include <fmt/format.h>

#include <string_view>

#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Certificate chains and keys are a few KiB.
constexpr uint64_t kPemBytesMax = 1 << 20;

absl::StatusOr<std::string> ReadPem(std::string_view what,
                                    const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "no TLS {} file: give certificate, key and authority, or none", what));
  }
  ASSIGN_OR_RETURN(std::string content, ReadFile(path, kPemBytesMax));
  if (content.find("-----BEGIN ") == std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("TLS {} file {} is not in PEM form", what, path));
  }
  return content;
}

}  // namespace

absl::StatusOr<TlsContents> ReadTlsFiles(const TlsFiles& files) {
  TlsContents contents;
  ASSIGN_OR_RETURN(contents.certificate,
                   ReadPem("certificate", files.certificate));
  ASSIGN_OR_RETURN(contents.key, ReadPem("key", files.key));
  ASSIGN_OR_RETURN(contents.authority, ReadPem("authority", files.authority));
  return contents;
}

}  // namespace penstock
