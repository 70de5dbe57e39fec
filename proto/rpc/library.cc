#include "proto/rpc/library.h"

#include <grpc/grpc.h>

namespace penstock {

void KeepGrpcInitialized() {
  [[maybe_unused]] static const bool initialized = [] {
    grpc_init();
    return true;
  }();
}

}  // namespace penstock
