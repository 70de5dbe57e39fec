#ifndef COORDINATOR_SERVICE_REQUEST_CHECKS_H_
#define COORDINATOR_SERVICE_REQUEST_CHECKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"

namespace penstock {

inline constexpr absl::Duration kDeadlineMax = absl::Seconds(60);

// How long a handler waits at once before it looks whether the client is gone.
inline constexpr absl::Duration kWaitSlice = absl::Milliseconds(500);

// Whether the call has a deadline of at most kDeadlineMax.
//
// Errors:
//   InvalidArgument: it has none, or a later one.
absl::Status CheckDeadline(const grpc::ServerContext& context);

// Errors:
//   InvalidArgument: "<field>: empty: ..." when `value` is.
absl::Status CheckGiven(std::string_view field, std::string_view value);

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_REQUEST_CHECKS_H_
