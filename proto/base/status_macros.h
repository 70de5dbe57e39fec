#ifndef PROTO_BASE_STATUS_MACROS_H_
#define PROTO_BASE_STATUS_MACROS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expression` is not OK.
#define RETURN_IF_ERROR(expression)                                       \
  do {                                                                    \
    if (absl::Status status_macro_ = (expression); !status_macro_.ok()) { \
      return status_macro_;                                               \
    }                                                                     \
  } while (false)

#define STATUS_MACRO_CONCAT_(a, b) a##b
#define STATUS_MACRO_NAME_(a, b) STATUS_MACRO_CONCAT_(a, b)

// Assigns the value of a StatusOr to `target`, which may be a declaration, or
// returns its status from the enclosing function.
#define ASSIGN_OR_RETURN(target, expression)                          \
  ASSIGN_OR_RETURN_(STATUS_MACRO_NAME_(status_or_, __LINE__), target, \
                    expression)

#define ASSIGN_OR_RETURN_(temporary, target, expression)     \
  auto temporary = (expression);                             \
  if (!temporary.ok()) return std::move(temporary).status(); \
  target = *std::move(temporary)

namespace penstock {

// `status` with "context: " before its message. Keeps the code, so that callers
// can still tell Unavailable from a bug; OK stays OK.
inline absl::Status Annotate(const absl::Status& status,
                             std::string_view context) {
  if (status.ok()) return status;
  std::string message(context);
  message += ": ";
  message += std::string(status.message());
  return absl::Status(status.code(), message);
}

}  // namespace penstock

#endif  // PROTO_BASE_STATUS_MACROS_H_
