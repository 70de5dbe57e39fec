#ifndef WORKER_LINK_NCCL_GROUP_H_
#define WORKER_LINK_NCCL_GROUP_H_

#include "worker/link/link_group.h"
#include "worker/link/nccl_communicator.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// The members of one communicator as a LinkGroup: an exchange is one group of
// sends and receives, so no order among the members can make them wait for each
// other.
//
// A sum of gradients over replicas is two exchanges: each member gets the
// others' shares of the part that it owns, adds them in the order of the
// replicas, and sends the sum back. Every replica ends with the bits that the
// same sum over any other link has. NCCL's all-reduce would add in an order
// that follows from the topology.
class NcclGroup : public LinkGroup {
 public:
  // `communicator` and `streams` must outlive this.
  NcclGroup(NcclCommunicator& communicator, CudaStreams& streams, int size,
            int self)
      : communicator_(communicator),
        streams_(streams),
        size_(size),
        self_(self) {}

  int size() const override { return size_; }
  int self() const override { return self_; }
  absl::Status Exchange(std::span<const GroupPart> parts,
                        absl::Time deadline) override;

 private:
  NcclCommunicator& communicator_;
  CudaStreams& streams_;
  const int size_;
  const int self_;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_GROUP_H_
