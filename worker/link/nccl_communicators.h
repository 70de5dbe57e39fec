#ifndef WORKER_LINK_NCCL_COMMUNICATORS_H_
#define WORKER_LINK_NCCL_COMMUNICATORS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "proto/communicator.h"
#include "worker/link/nccl_communicator.h"
#include "worker/link/nccl_library.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// All communicators of one executor in one epoch, with a watchdog: a thread
// that asks each for its errors and aborts those that failed, or that others
// say have, also when the thread that uses them hangs in a call.
//
// Fail and FailAll are for any thread, the rest for one.
class NcclCommunicators {
 public:
  struct Member {
    Communicator communicator;
    std::string name;  // "edge rank 0 to rank 1, epoch 3".
    // See NcclCommunicator::Join.
    absl::Duration stall_max = absl::InfiniteDuration();
  };
  // Told by the watchdog that a communicator has failed by itself; `index` is
  // that in the members given to the constructor.
  using OnFailed = std::function<void(int index, const absl::Status& status)>;

  // `library` and `streams` must outlive this. `self` is a member of each.
  NcclCommunicators(int self, std::vector<Member> members, NcclLibrary& library,
                    CudaStreams& streams, OnFailed on_failed);
  // Requires Stop. Aborts what was not closed, and returns when the device has
  // left all buffers.
  ~NcclCommunicators();

  // Makes the ids of those whose lowest member this is. Called once, first.
  absl::Status MakeIds();
  const std::vector<CommunicatorId>& ids() const { return ids_; }

  // Joins all and moves one element over each, in the order of their members,
  // which is the same on all executors: the first use makes the connections and
  // waits for the others. Called once.
  //
  // Errors: those of NcclCommunicator; FailedPrecondition: an id is missing.
  absl::Status Connect(const std::vector<CommunicatorId>& ids,
                       absl::Time deadline);

  // Connect must have succeeded.
  NcclCommunicator& at(int index) { return *slots_[index].communicator; }

  // Has the communicator aborted. Only its first failure counts.
  void Fail(int index, const absl::Status& reason);
  void FailAll(const absl::Status& reason);

  // Ends the watchdog. Nobody uses the communicators any more.
  void Stop();

  // Ends an idle communicator that all its members close; see
  // NcclCommunicator::Close. After Stop.
  void Close(int index, absl::Time deadline);

 private:
  struct Slot {
    Member member;
    // Null until joined; fixed from then on.
    std::unique_ptr<NcclCommunicator> communicator;
    absl::Status failure;  // To be aborted with.
  };

  // Indices in the order of the members.
  std::vector<int> Ordered() const;
  absl::Status Join(int index, const NcclUniqueId& id);
  absl::Status WarmUp(int index, absl::Time deadline);
  void Watch();
  void WatchOver(int index);

  const int self_;
  NcclLibrary& library_;
  CudaStreams& streams_;
  const OnFailed on_failed_;
  std::vector<CommunicatorId> ids_;
  std::byte* warm_up_ = nullptr;  // Device memory.

  Mutex mutex_;
  CondVar changed_;
  std::vector<Slot> slots_;  // Fixed in size; what changes is guarded.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watchdog_;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_COMMUNICATORS_H_
