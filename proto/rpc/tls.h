#ifndef PROTO_RPC_TLS_H_
#define PROTO_RPC_TLS_H_

#include <string>

#include "absl/status/statusor.h"

namespace penstock {

// Paths of PEM files for mutual TLS: this process's certificate chain and its
// private key, and the authority that must have signed the other side's. All
// three or none.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string authority;

  bool empty() const {
    return certificate.empty() && key.empty() && authority.empty();
  }
};

// What the files hold.
struct TlsContents {
  std::string certificate;
  std::string key;
  std::string authority;
};

// Errors:
//   InvalidArgument: a path is missing, or a file has no PEM block.
//   Others: as ReadFile says.
absl::StatusOr<TlsContents> ReadTlsFiles(const TlsFiles& files);

}  // namespace penstock

#endif  // PROTO_RPC_TLS_H_
