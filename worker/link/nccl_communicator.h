#ifndef WORKER_LINK_NCCL_COMMUNICATOR_H_
#define WORKER_LINK_NCCL_COMMUNICATOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "worker/link/nccl_library.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// One transfer with another member of a communicator; either may be empty.
struct NcclTransfer {
  int member = 0;
  std::span<const std::byte> send;
  std::span<std::byte> receive;
};

// One member of one communicator, with a stream of its own. What is begun is
// done in that order, here and at the other members, one group of transfers
// after the other.
//
// One thread at a time begins and closes; Check, Abort and completed() are for
// any thread. Errors name the communicator, NCCL's function and the cause; once
// it was aborted, every method returns the reason of that.
class NcclCommunicator {
 public:
  // Begins to join. `library` and `streams` must outlive this. A group of
  // transfers that takes longer than `stall_max` is stuck.
  //
  // Errors: those of NcclLibrary and CudaStreams.
  static absl::StatusOr<std::unique_ptr<NcclCommunicator>> Join(
      NcclLibrary& library, CudaStreams& streams, const NcclMember& member,
      absl::Duration stall_max);

  // Aborts it unless it was closed, and returns when the device has left all
  // buffers.
  ~NcclCommunicator();

  // Waits until all members have joined.
  //
  // Errors: DeadlineExceeded: not by `deadline`.
  absl::Status WaitJoined(absl::Time deadline);

  // Begins one group of transfers, which is not empty; returns its number, from
  // 1. `what` is its name for errors.
  //
  // Errors: DeadlineExceeded: NCCL has not taken it by `deadline`.
  absl::StatusOr<uint64_t> Begin(std::span<const NcclTransfer> transfers,
                                 const std::string& what, absl::Time deadline);

  // The number of the last group that is done, on this member.
  absl::StatusOr<uint64_t> Completed();

  // Waits until group `number` is done.
  //
  // Errors: DeadlineExceeded: not by `deadline`.
  absl::Status Wait(uint64_t number, absl::Time deadline);

  // What has gone wrong in the background. Does not block, not even when
  // another thread is stuck in a call.
  //
  // Errors: Unavailable: also what is stuck.
  absl::Status Check();

  // Ends everything, now and in future; a thread that is stuck in a call
  // returns from it. Only the first call counts.
  void Abort(const absl::Status& reason);

  // Ends the communicator when all members have nothing under way and close it,
  // too; aborts it when that has not come to its end by `deadline`.
  void Close(absl::Time deadline);

  const std::string& name() const { return member_.name; }

 private:
  struct Group {
    uint64_t number = 0;
    std::string what;
    absl::Time since;
    CudaEvent done = nullptr;  // Null until it is in the stream.
  };

  NcclCommunicator(NcclLibrary& library, CudaStreams& streams,
                   NcclMember member, absl::Duration stall_max)
      : library_(library),
        streams_(streams),
        member_(std::move(member)),
        stall_max_(stall_max) {}

  // Every call of NCCL is between these two, so that Abort can let a short one
  // return first. Enter waits for other threads' calls.
  absl::Status Enter();
  void Leave();

  absl::Status WaitReady(absl::Time deadline, const std::string& what);
  absl::Status Enqueue(std::span<const NcclTransfer> transfers);
  absl::Status BeginGroup(std::span<const NcclTransfer> transfers,
                          absl::Time deadline);
  absl::StatusOr<uint64_t> Poll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Name(const absl::Status& status) const;

  NcclLibrary& library_;
  CudaStreams& streams_;
  const NcclMember member_;
  const absl::Duration stall_max_;
  NcclComm comm_ = nullptr;  // Fixed after Join.
  CudaStream stream_ = nullptr;

  Mutex mutex_;
  CondVar changed_;
  bool calling_ ABSL_GUARDED_BY(mutex_) = false;
  bool freed_ ABSL_GUARDED_BY(mutex_) = false;  // `comm_` is.
  absl::Status aborted_ ABSL_GUARDED_BY(mutex_);
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t completed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Group> groups_ ABSL_GUARDED_BY(mutex_);  // Under way.
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_COMMUNICATOR_H_
