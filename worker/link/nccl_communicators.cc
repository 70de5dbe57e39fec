#include "worker/link/nccl_communicators.h"

#include <algorithm>
#include <map>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// How soon an error in the background is seen.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(20);

// What the first exchange moves with each member, and the distance between two
// such places in memory.
constexpr int64_t kElementBytes = 4;
constexpr int64_t kElementStride = 256;

int IndexOf(const std::vector<int>& members, int self) {
  return static_cast<int>(std::find(members.begin(), members.end(), self) -
                          members.begin());
}

}  // namespace

NcclCommunicators::NcclCommunicators(int self, std::vector<Member> members,
                                     NcclLibrary& library, CudaStreams& streams,
                                     OnFailed on_failed)
    : self_(self),
      library_(library),
      streams_(streams),
      on_failed_(std::move(on_failed)),
      slots_(members.size()) {
  for (size_t i = 0; i < members.size(); ++i) {
    slots_[i].member = std::move(members[i]);
  }
}

NcclCommunicators::~NcclCommunicators() {
  PENSTOCK_CHECK(!watchdog_.joinable());
  // Without a device there is nothing to free.
  streams_.UseDevice().IgnoreError();
  slots_.clear();
  if (warm_up_ != nullptr) streams_.Free(warm_up_);
}

std::vector<int> NcclCommunicators::Ordered() const {
  std::vector<int> order;
  for (int i = 0; i < std::ssize(slots_); ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [this](int a, int b) {
    return slots_[a].member.communicator < slots_[b].member.communicator;
  });
  return order;
}

absl::Status NcclCommunicators::MakeIds() {
  for (const int index : Ordered()) {
    const Communicator& communicator = slots_[index].member.communicator;
    if (LowestMember(communicator) != self_) continue;
    ASSIGN_OR_RETURN(const NcclUniqueId id, library_.MakeUniqueId());
    ids_.push_back({.communicator = communicator, .id = id});
  }
  return absl::OkStatus();
}

absl::Status NcclCommunicators::Connect(const std::vector<CommunicatorId>& ids,
                                        absl::Time deadline) {
  RETURN_IF_ERROR(streams_.UseDevice());
  std::map<Communicator, NcclUniqueId> known;
  for (const auto& [communicator, id] : ids) known[communicator] = id;
  for (const auto& [communicator, id] : ids_) known[communicator] = id;
  watchdog_ = std::thread([this] { Watch(); });
  const std::vector<int> order = Ordered();
  for (const int index : order) {
    const Member& member = slots_[index].member;
    const auto id = known.find(member.communicator);
    if (id == known.end()) {
      return absl::FailedPreconditionError(fmt::format(
          "{}: its lowest member has published no id for it", member.name));
    }
    RETURN_IF_ERROR(Join(index, id->second));
  }
  for (const int index : order) {
    RETURN_IF_ERROR(at(index).WaitJoined(deadline));
  }
  for (const int index : order) RETURN_IF_ERROR(WarmUp(index, deadline));
  return absl::OkStatus();
}

absl::Status NcclCommunicators::Join(int index, const NcclUniqueId& id) {
  const Member& member = slots_[index].member;
  ASSIGN_OR_RETURN(
      auto communicator,
      NcclCommunicator::Join(
          library_, streams_,
          {.id = id,
           .members = static_cast<int>(member.communicator.members.size()),
           .self = IndexOf(member.communicator.members, self_),
           .name = member.name},
          member.stall_max));
  MutexLock lock(mutex_);
  slots_[index].communicator = std::move(communicator);
  return absl::OkStatus();
}

absl::Status NcclCommunicators::WarmUp(int index, absl::Time deadline) {
  if (warm_up_ == nullptr) {
    size_t most = 0;
    for (const Slot& slot : slots_) {
      most = std::max(most, slot.member.communicator.members.size());
    }
    ASSIGN_OR_RETURN(
        warm_up_,
        streams_.Allocate(static_cast<int64_t>(most + 1) * kElementStride));
  }
  const std::vector<int>& members = slots_[index].member.communicator.members;
  std::vector<NcclTransfer> transfers;
  for (int i = 0; i < std::ssize(members); ++i) {
    if (members[i] == self_) continue;
    transfers.push_back(
        {.member = i,
         .send = {warm_up_, kElementBytes},
         .receive = {warm_up_ + (1 + i) * kElementStride, kElementBytes}});
  }
  ASSIGN_OR_RETURN(const uint64_t number,
                   at(index).Begin(transfers, "warm-up", deadline));
  return at(index).Wait(number, deadline);
}

void NcclCommunicators::Fail(int index, const absl::Status& reason) {
  MutexLock lock(mutex_);
  Slot& slot = slots_[index];
  if (!slot.failure.ok()) return;
  slot.failure = reason.ok() ? absl::AbortedError("aborted") : reason;
  changed_.NotifyAll();
}

void NcclCommunicators::FailAll(const absl::Status& reason) {
  for (int i = 0; i < std::ssize(slots_); ++i) Fail(i, reason);
}

void NcclCommunicators::Watch() {
  const absl::Status device = streams_.UseDevice();
  if (!device.ok()) FailAll(device);
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
    }
    for (int i = 0; i < std::ssize(slots_); ++i) WatchOver(i);
    MutexLock lock(mutex_);
    if (stopping_) return;
    changed_.WaitUntil(mutex_, SteadyNow() + kWatchInterval);
  }
}

void NcclCommunicators::WatchOver(int index) {
  NcclCommunicator* communicator = nullptr;
  absl::Status failure;
  {
    MutexLock lock(mutex_);
    communicator = slots_[index].communicator.get();
    failure = slots_[index].failure;
  }
  if (communicator == nullptr) return;
  if (!failure.ok()) {
    communicator->Abort(failure);
    return;
  }
  const absl::Status status = communicator->Check();
  if (status.ok()) return;
  Fail(index, status);
  on_failed_(index, status);
}

void NcclCommunicators::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (watchdog_.joinable()) watchdog_.join();
}

void NcclCommunicators::Close(int index, absl::Time deadline) {
  Slot& slot = slots_[index];
  if (slot.communicator == nullptr || !slot.failure.ok()) return;
  if (!streams_.UseDevice().ok()) return;
  slot.communicator->Close(deadline);
  slot.communicator.reset();
}

}  // namespace penstock
