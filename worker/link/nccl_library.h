#ifndef WORKER_LINK_NCCL_LIBRARY_H_
#define WORKER_LINK_NCCL_LIBRARY_H_

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/communicator.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// A communicator as one member holds it. The library owns it until Destroy or
// Abort, from when on the handle means nothing.
using NcclComm = struct NcclCommHandle*;

struct NcclMember {
  NcclUniqueId id = {};
  int members = 0;
  int self = 0;
  // At most so many thread blocks move its data. Few: they are taken from the
  // computation, and all communicators must fit on the device together.
  int blocks_max = 4;
  std::string name;  // For NCCL's own log.
};

// The functions of NCCL that links use, with types of our own: a fake needs no
// nccl.h, and this header none of NVIDIA's. No all-reduce: NCCL adds in an
// order of its own, and sums of gradients are taken in that of the replicas.
//
// Communicators do not block: calls return when their work is under way, and
// IsReady tells when the next one may be made. One thread at a time uses a
// communicator, but for Abort.
//
// Errors of every method:
//   Unavailable: the other end, the network or the device is gone.
//   InvalidArgument: NCCL refuses the arguments.
//   Internal: whatever else NCCL reports.
// Messages name NCCL's function and repeat what it says.
class NcclLibrary {
 public:
  virtual ~NcclLibrary() = default;

  // As NCCL_VERSION_CODE: 22809 is 2.28.9.
  virtual int version() const = 0;

  virtual absl::StatusOr<NcclUniqueId> MakeUniqueId() = 0;

  // Begins to join the members of `member.id`, on the device of the calling
  // thread. Resources are never shared with another communicator: that would
  // make one stream, and one abort flag, of both.
  virtual absl::StatusOr<NcclComm> InitRank(const NcclMember& member) = 0;

  // Whether what was asked of the communicator before is under way and the next
  // call may be made.
  //
  // Errors: also what has gone wrong with the communicator meanwhile, in the
  // background; then only Abort is of use.
  virtual absl::StatusOr<bool> IsReady(NcclComm comm) = 0;

  // Sends and receives between Start and End, of one communicator, make
  // progress together and are in the stream as one.
  virtual absl::Status GroupStart() = 0;
  virtual absl::Status GroupEnd() = 0;
  virtual absl::Status Send(NcclComm comm, std::span<const std::byte> bytes,
                            int to, CudaStream stream) = 0;
  virtual absl::Status Receive(NcclComm comm, std::span<std::byte> bytes,
                               int from, CudaStream stream) = 0;

  // Ends all that the communicator does, on the device too, and frees it. From
  // any thread: one that is stuck in a call on it returns from that.
  virtual absl::Status Abort(NcclComm comm) = 0;

  // Begins to end an idle communicator; when it IsReady again, Destroy frees
  // it.
  virtual absl::Status Finalize(NcclComm comm) = 0;
  virtual absl::Status Destroy(NcclComm comm) = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_LIBRARY_H_
