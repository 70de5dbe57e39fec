#ifndef PROTO_FILE_ALLOWED_ROOTS_H_
#define PROTO_FILE_ALLOWED_ROOTS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

// The directories below which users' paths may lie. Daemons resolve every path
// that comes with a job before they touch it; what passes the check is used in
// its resolved form. Roots belong to the operator: whoever may change symbolic
// links inside them may also redirect a path after it was checked.
//
// Immutable, so thread-safe.
class AllowedRoots {
 public:
  // Errors:
  //   NotFound, PermissionDenied: a root does not exist or cannot be read.
  //   InvalidArgument: no root, a relative one, or one that is not a directory.
  static absl::StatusOr<AllowedRoots> Create(
      const std::vector<std::string>& roots);

  // `path` made canonical: absolute, without "..", symbolic links followed. It
  // need not exist; then its existing part decides.
  //
  // Errors:
  //   InvalidArgument: the path is empty, relative or has a NUL byte.
  //   PermissionDenied: it leads outside of all roots, through "..", a symbolic
  //     link or a dangling one; the message names the path and the roots.
  absl::StatusOr<std::string> Resolve(std::string_view path) const;

  // Canonical, in the order given.
  const std::vector<std::string>& roots() const { return roots_; }

 private:
  explicit AllowedRoots(std::vector<std::string> roots)
      : roots_(std::move(roots)) {}

  std::vector<std::string> roots_;
};

}  // namespace penstock

#endif  // PROTO_FILE_ALLOWED_ROOTS_H_
