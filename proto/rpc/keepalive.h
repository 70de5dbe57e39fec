#ifndef PROTO_RPC_KEEPALIVE_H_
#define PROTO_RPC_KEEPALIVE_H_

namespace penstock {

// How a cut connection is noticed; by default gRPC never does. Both ends must
// agree: a server that allows fewer pings than its clients send closes healthy
// connections with "too many pings".

// Either end pings after so long without traffic, and gives up when no answer
// came in time: a cut is noticed within seven seconds.
inline constexpr int kKeepaliveTimeMs = 5000;
inline constexpr int kKeepaliveTimeoutMs = 2000;

// What a server tolerates. Far below the above, since gRPC sends other pings
// too (to measure bandwidth) and timers are not exact.
inline constexpr int kPingIntervalMinMs = 500;

static_assert(kPingIntervalMinMs * 2 <= kKeepaliveTimeMs);
static_assert(kKeepaliveTimeoutMs < kKeepaliveTimeMs);

}  // namespace penstock

#endif  // PROTO_RPC_KEEPALIVE_H_
