#ifndef PROTO_RPC_ALLOCATOR_H_
#define PROTO_RPC_ALLOCATOR_H_

namespace penstock {

// Makes malloc keep the memory of large messages instead of returning it to the
// kernel and faulting it in again; that is half of what sending a tensor costs.
// Called once, first in main, before the first thread.
void TuneAllocatorForTransport();

}  // namespace penstock

#endif  // PROTO_RPC_ALLOCATOR_H_
