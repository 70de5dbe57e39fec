#ifndef PROTO_RPC_LOOPBACK_H_
#define PROTO_RPC_LOOPBACK_H_

#include <string_view>

namespace penstock {

// True if what is sent to `address` cannot leave the machine: host:port with
// host in 127/8, [::1] or localhost, or unix:path. Anything else, also what
// cannot be parsed, is false.
bool IsLoopback(std::string_view address);

}  // namespace penstock

#endif  // PROTO_RPC_LOOPBACK_H_
