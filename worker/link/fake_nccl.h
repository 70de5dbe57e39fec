#ifndef WORKER_LINK_FAKE_NCCL_H_
#define WORKER_LINK_FAKE_NCCL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proto/base/mutex.h"
#include "worker/link/nccl_library.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// NCCL and the CUDA runtime as far as the nccl link uses them, with all members
// of all communicators in one process, by default with the host's memory for
// the device's. As strict as the real ones where they hang or corrupt memory in
// silence, and as bad as they can be on request.
//
// Like NCCL 2.28: one communicator is one queue per member; a group of
// transfers begins when the one before it is done here, and moves when the
// others' groups match it, by order; sizes that differ are an error, which
// NCCL does not notice. A call leaves the communicator in progress until
// IsReady was asked; using it before, using it after its end, from two threads
// at once, or from a thread that has not chosen the device, is noted as misuse.
//
// Thread-safe. Communicators are named in requests by a part of their name,
// "rank 0 to rank 1"; an empty part means all.
class FakeNccl : public NcclLibrary, public CudaStreams {
 public:
  // Copies between what the tests have for devices' memory.
  using Copier =
      std::function<void(const std::byte* from, std::byte* to, size_t bytes)>;
  static void CopyOnHost(const std::byte* from, std::byte* to, size_t bytes);

  explicit FakeNccl(int version = 22809, Copier copier = CopyOnHost)
      : version_(version), copier_(std::move(copier)) {}

  // What goes wrong from now on.
  void FailInit(const absl::Status& status);
  // Nobody comes to the communicators that are begun.
  void HoldJoins();
  // The communicators' errors in the background.
  void Break(const std::string& name, const absl::Status& status);
  // Transfers do not move any more.
  void Stall(const std::string& name);
  // The next transfer stops in its middle, as when the sender's process dies.
  void StopHalfway(const std::string& name);
  // The device falls off: what is in its streams ends there, and its calls
  // fail.
  void LoseDevice(const absl::Status& status);
  // The call that ends a group does not return before the abort.
  void Hang(const std::string& name);

  // What exists and was not freed.
  struct Live {
    int communicators = 0;
    int streams = 0;
    int events = 0;
    int allocations = 0;

    friend bool operator==(const Live&, const Live&) = default;
  };
  Live live();
  int communicators_made();
  int aborts();
  int calls_hanging();
  int stopped_halfway();                   // Transfers.
  std::vector<std::string> TakeMisuses();  // Since the last call.

  int version() const override { return version_; }
  absl::StatusOr<NcclUniqueId> MakeUniqueId() override;
  absl::StatusOr<NcclComm> InitRank(const NcclMember& member) override;
  absl::StatusOr<bool> IsReady(NcclComm comm) override;
  absl::Status GroupStart() override;
  absl::Status GroupEnd() override;
  absl::Status Send(NcclComm comm, std::span<const std::byte> bytes, int to,
                    CudaStream stream) override;
  absl::Status Receive(NcclComm comm, std::span<std::byte> bytes, int from,
                       CudaStream stream) override;
  absl::Status Abort(NcclComm comm) override;
  absl::Status Finalize(NcclComm comm) override;
  absl::Status Destroy(NcclComm comm) override;

  absl::Status UseDevice() override;
  absl::StatusOr<CudaStream> CreateStream() override;
  void DestroyStream(CudaStream stream) override;
  absl::StatusOr<CudaEvent> Record(CudaStream stream) override;
  absl::StatusOr<bool> IsDone(CudaEvent event) override;
  void DestroyEvent(CudaEvent event) override;
  absl::StatusOr<std::byte*> Allocate(int64_t bytes) override;
  void Free(std::byte* memory) override;

 private:
  struct Stream {
    uint64_t begun = 0;
    uint64_t done = 0;  // Groups; they end in order.
  };
  struct Event {
    Stream* stream = nullptr;
    uint64_t after = 0;  // Of the stream's groups.
  };
  struct Transfer {
    bool sends = false;
    int peer = 0;
    const std::byte* source = nullptr;
    std::byte* target = nullptr;
    size_t bytes = 0;
    bool done = false;
  };
  struct Group {
    Stream* stream = nullptr;
    std::vector<Transfer> transfers;
  };
  struct Comm {
    NcclMember member;
    bool held = false;
    bool alive = true;
    bool finalized = false;
    bool in_progress = true;
    bool hanging = false;
    absl::Status error;
    std::deque<Group> groups;
  };
  static Comm* Of(NcclComm comm) { return reinterpret_cast<Comm*>(comm); }
  // Whether one of the requests is about the communicator.
  static bool IsAskedFor(const std::set<std::string>& names, const Comm& comm);

  absl::Status Add(NcclComm comm, const Transfer& transfer, CudaStream stream);
  // What every call on a communicator but Abort and IsReady must find.
  void CheckUse(const std::string& call, const Comm& comm)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CheckDevice(const std::string& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Comm* FindMember(const NcclUniqueId& id, int member)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasJoined(const Comm& comm) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MoveGroup(Comm& comm) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MoveTransfer(Comm& comm, Transfer& transfer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(Comm& comm) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int version_;
  const Copier copier_;
  Mutex mutex_;
  CondVar changed_;
  // Never shrinks: what was freed is known.
  std::vector<std::unique_ptr<Comm>> comms_ ABSL_GUARDED_BY(mutex_);
  std::map<Stream*, std::unique_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
  std::map<Event*, std::unique_ptr<Event>> events_ ABSL_GUARDED_BY(mutex_);
  std::map<std::byte*, std::vector<std::byte>> memory_ ABSL_GUARDED_BY(mutex_);
  // Of the thread, between GroupStart and GroupEnd.
  std::map<std::thread::id, std::pair<Comm*, Group>> open_groups_
      ABSL_GUARDED_BY(mutex_);
  std::set<std::thread::id> threads_ ABSL_GUARDED_BY(mutex_);  // With a device.
  uint64_t ids_ ABSL_GUARDED_BY(mutex_) = 0;
  int stopped_ ABSL_GUARDED_BY(mutex_) = 0;
  int aborts_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> misuses_ ABSL_GUARDED_BY(mutex_);
  absl::Status lost_ ABSL_GUARDED_BY(mutex_);
  absl::Status init_failure_ ABSL_GUARDED_BY(mutex_);
  bool hold_joins_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> stalled_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> halfway_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> hanging_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_LINK_FAKE_NCCL_H_
