#ifndef PROTO_RPC_LIBRARY_H_
#define PROTO_RPC_LIBRARY_H_

namespace penstock {

// Keeps gRPC initialized until the process ends. Otherwise it shuts down with
// its last object, which can take ten seconds: it joins a thread that polls for
// so long to complete large writes (gRPC 1.51, tcp_posix.cc).
void KeepGrpcInitialized();

}  // namespace penstock

#endif  // PROTO_RPC_LIBRARY_H_
