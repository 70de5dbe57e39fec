#ifndef WORKER_LINK_NCCL_LINK_H_
#define WORKER_LINK_NCCL_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/link/link.h"
#include "worker/link/link_group.h"
#include "worker/link/nccl_communicators.h"
#include "worker/link/nccl_library.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

struct NcclLinkOptions {
  uint64_t epoch = 0;  // For names only; each epoch has a link of its own.
  int self = 0;        // Which of the peers this is.
  // One for each peer, for messages: "rank 1 of replica 0".
  std::vector<std::string> peer_names;
  // Sender and receiver of each edge that this executor is an end of, without
  // repetition.
  std::vector<std::vector<int>> edges;
  std::vector<int> group;  // Those that group() joins; empty for none.
  // Which messages go over the edges. Their buffers are on the device; others,
  // and those between peers without an edge, go over the host's link.
  std::function<bool(const MessageKey& key)> carries;
  // A transfer that both ends have begun and that takes longer is stuck.
  absl::Duration stall_max = absl::Seconds(30);
};

// Joins executors on CUDA devices: tensors travel by NCCL from device memory to
// device memory, everything else over a link of the host's memory, by which
// also the two ends of an edge agree on the order of their messages, see
// NcclSendOrder.
//
// Each directed edge is a communicator of two, so that no edge waits for
// another one, and one that fails is aborted alone. Communicators live as long
// as the link, that is for one plan epoch; the next has others, with other ids.
//
// Threads of its own: one begins transfers and sees their end; a watchdog asks
// each communicator for its errors, and aborts those that failed, are stuck or
// whose peer is gone, also when the first thread hangs in a call; two for each
// peer carry notes. An error names the edge, the epoch, the operation and the
// cause. A failed edge fails its peer for all further messages, not others.
//
// Order of use: Create on every executor, exchange ids, Connect on every
// executor, then as any Link. Buffers may be posted before Connect.
//
// The destructor lets end what was begun, for two seconds at most, and then
// ends everything.
class NcclLink : public Link {
 public:
  // `library` and `streams` must outlive the link, which takes `host`.
  //
  // Errors:
  //   InvalidArgument: an edge or the group has not this executor in it.
  //   Those of NcclLibrary: no id could be made.
  static absl::StatusOr<std::unique_ptr<NcclLink>> Create(
      NcclLinkOptions options, NcclLibrary& library, CudaStreams& streams,
      std::unique_ptr<Link> host);

  // Of the communicators whose lowest member this is; for the other members.
  virtual const std::vector<CommunicatorId>& ids() const = 0;

  // Joins all communicators and moves one element over each, in the order of
  // their members, which is the same everywhere: the first use makes the
  // connections and waits for the peer. `ids` has at least the ids of all
  // others that this executor is in. The host's link is connected. Called once.
  //
  // Errors: those of NcclLibrary and CudaStreams;
  //   FailedPrecondition: an id is missing; or called before.
  //   DeadlineExceeded: a member has not come by `deadline`; the message names
  //     edge and epoch.
  virtual absl::Status Connect(const std::vector<CommunicatorId>& ids,
                               absl::Time deadline) = 0;

  // The group of the options; null when that is empty. It has a communicator of
  // its own, and so waits for no edge.
  virtual LinkGroup* group() = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_LINK_H_
