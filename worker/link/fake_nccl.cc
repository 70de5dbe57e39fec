#include "worker/link/fake_nccl.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fmt/format.h"
#include "proto/base/clock.h"

namespace penstock {

void FakeNccl::CopyOnHost(const std::byte* from, std::byte* to, size_t bytes) {
  std::memcpy(to, from, bytes);
}

void FakeNccl::FailInit(const absl::Status& status) {
  MutexLock lock(mutex_);
  init_failure_ = status;
}

void FakeNccl::HoldJoins() {
  MutexLock lock(mutex_);
  hold_joins_ = true;
}

void FakeNccl::Break(const std::string& name, const absl::Status& status) {
  MutexLock lock(mutex_);
  for (const auto& comm : comms_) {
    if (comm->member.name.find(name) != std::string::npos) {
      comm->error = status;
    }
  }
}

void FakeNccl::Stall(const std::string& name) {
  MutexLock lock(mutex_);
  stalled_.insert(name);
}

void FakeNccl::StopHalfway(const std::string& name) {
  MutexLock lock(mutex_);
  halfway_.insert(name);
}

void FakeNccl::Hang(const std::string& name) {
  MutexLock lock(mutex_);
  hanging_.insert(name);
}

void FakeNccl::LoseDevice(const absl::Status& status) {
  MutexLock lock(mutex_);
  lost_ = status;
}

FakeNccl::Live FakeNccl::live() {
  MutexLock lock(mutex_);
  Live live{.streams = static_cast<int>(streams_.size()),
            .events = static_cast<int>(events_.size()),
            .allocations = static_cast<int>(memory_.size())};
  for (const auto& comm : comms_) live.communicators += comm->alive ? 1 : 0;
  return live;
}

int FakeNccl::communicators_made() {
  MutexLock lock(mutex_);
  return static_cast<int>(comms_.size());
}

int FakeNccl::aborts() {
  MutexLock lock(mutex_);
  return aborts_;
}

int FakeNccl::calls_hanging() {
  MutexLock lock(mutex_);
  return static_cast<int>(
      std::count_if(comms_.begin(), comms_.end(),
                    [](const auto& comm) { return comm->hanging; }));
}

int FakeNccl::stopped_halfway() {
  MutexLock lock(mutex_);
  return stopped_;
}

std::vector<std::string> FakeNccl::TakeMisuses() {
  MutexLock lock(mutex_);
  return std::exchange(misuses_, {});
}

bool FakeNccl::IsAskedFor(const std::set<std::string>& names,
                          const Comm& comm) {
  return std::any_of(names.begin(), names.end(), [&](const auto& name) {
    return comm.member.name.find(name) != std::string::npos;
  });
}

void FakeNccl::CheckDevice(const std::string& call) {
  if (threads_.contains(std::this_thread::get_id())) return;
  misuses_.push_back(call + " from a thread without a device");
}

void FakeNccl::CheckUse(const std::string& call, const Comm& comm) {
  CheckDevice(call);
  if (!comm.alive) {
    misuses_.push_back(
        fmt::format("{}: {} after its end", comm.member.name, call));
  } else if (comm.in_progress) {
    misuses_.push_back(fmt::format("{}: {} before the last call was done",
                                   comm.member.name, call));
  } else if (comm.hanging) {
    misuses_.push_back(
        fmt::format("{}: {} beside another thread", comm.member.name, call));
  }
}

absl::StatusOr<NcclUniqueId> FakeNccl::MakeUniqueId() {
  MutexLock lock(mutex_);
  NcclUniqueId id = {};
  const uint64_t number = ++ids_;
  std::memcpy(id.data(), &number, sizeof(number));
  return id;
}

absl::StatusOr<NcclComm> FakeNccl::InitRank(const NcclMember& member) {
  MutexLock lock(mutex_);
  CheckDevice("InitRank");
  if (!init_failure_.ok()) return init_failure_;
  if (FindMember(member.id, member.self) != nullptr) {
    misuses_.push_back(member.name + ": an id is used again");
  }
  Comm& comm = *comms_.emplace_back(std::make_unique<Comm>());
  comm.member = member;
  comm.held = hold_joins_;
  return reinterpret_cast<NcclComm>(&comm);
}

FakeNccl::Comm* FakeNccl::FindMember(const NcclUniqueId& id, int member) {
  for (const auto& comm : comms_) {
    if (comm->member.id == id && comm->member.self == member) {
      return comm.get();
    }
  }
  return nullptr;
}

bool FakeNccl::HasJoined(const Comm& comm) {
  if (comm.held) return false;
  for (int member = 0; member < comm.member.members; ++member) {
    if (FindMember(comm.member.id, member) == nullptr) return false;
  }
  return true;
}

absl::StatusOr<bool> FakeNccl::IsReady(NcclComm handle) {
  MutexLock lock(mutex_);
  Comm& comm = *Of(handle);
  if (!comm.alive) CheckUse("IsReady", comm);
  if (!comm.error.ok()) return comm.error;
  if (!HasJoined(comm)) return false;
  return !std::exchange(comm.in_progress, false);
}

absl::Status FakeNccl::GroupStart() {
  MutexLock lock(mutex_);
  CheckDevice("GroupStart");
  if (!open_groups_.try_emplace(std::this_thread::get_id()).second) {
    misuses_.emplace_back("a group in a group");
  }
  return absl::OkStatus();
}

absl::Status FakeNccl::Add(NcclComm handle, const Transfer& transfer,
                           CudaStream stream) {
  MutexLock lock(mutex_);
  Comm& comm = *Of(handle);
  CheckUse(transfer.sends ? "Send" : "Receive", comm);
  if (!comm.error.ok()) return comm.error;
  const auto open = open_groups_.find(std::this_thread::get_id());
  if (open == open_groups_.end()) {
    misuses_.push_back(comm.member.name + ": a transfer without a group");
    return absl::InvalidArgumentError("no group");
  }
  auto& [owner, group] = open->second;
  owner = &comm;
  group.stream = reinterpret_cast<Stream*>(stream);
  group.transfers.push_back(transfer);
  return absl::OkStatus();
}

absl::Status FakeNccl::Send(NcclComm comm, std::span<const std::byte> bytes,
                            int to, CudaStream stream) {
  return Add(comm,
             {.sends = true,
              .peer = to,
              .source = bytes.data(),
              .bytes = bytes.size()},
             stream);
}

absl::Status FakeNccl::Receive(NcclComm comm, std::span<std::byte> bytes,
                               int from, CudaStream stream) {
  return Add(comm,
             {.peer = from, .target = bytes.data(), .bytes = bytes.size()},
             stream);
}

absl::Status FakeNccl::GroupEnd() {
  MutexLock lock(mutex_);
  const auto open = open_groups_.find(std::this_thread::get_id());
  if (open == open_groups_.end()) {
    misuses_.emplace_back("the end of no group");
    return absl::InvalidArgumentError("no group");
  }
  auto [comm, group] = std::move(open->second);
  open_groups_.erase(open);
  if (comm == nullptr) return absl::OkStatus();
  if (IsAskedFor(hanging_, *comm)) {
    comm->hanging = true;
    while (comm->alive) changed_.WaitUntil(mutex_, absl::InfiniteFuture());
    comm->hanging = false;
  }
  if (!comm->alive) return absl::AbortedError("ncclGroupEnd: aborted");
  comm->in_progress = true;
  ++group.stream->begun;
  comm->groups.push_back(std::move(group));
  MoveAll();
  return absl::OkStatus();
}

// Each move may let another one.
void FakeNccl::MoveAll() {
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& comm : comms_) moved = MoveGroup(*comm) || moved;
  }
}

bool FakeNccl::MoveGroup(Comm& comm) {
  if (!comm.alive || comm.groups.empty()) return false;
  Group& group = comm.groups.front();
  bool moved = false;
  for (Transfer& transfer : group.transfers) {
    if (!transfer.done) moved = MoveTransfer(comm, transfer) || moved;
  }
  if (!std::all_of(group.transfers.begin(), group.transfers.end(),
                   [](const Transfer& transfer) { return transfer.done; })) {
    return moved;
  }
  ++group.stream->done;
  comm.groups.pop_front();
  return true;
}

bool FakeNccl::MoveTransfer(Comm& comm, Transfer& transfer) {
  Comm* other = FindMember(comm.member.id, transfer.peer);
  if (!transfer.sends || other == nullptr || !other->alive ||
      other->groups.empty() || IsAskedFor(stalled_, comm)) {
    return false;
  }
  std::vector<Transfer>& theirs = other->groups.front().transfers;
  const auto match =
      std::find_if(theirs.begin(), theirs.end(), [&](const Transfer& t) {
        return !t.done && !t.sends && t.peer == comm.member.self;
      });
  if (match == theirs.end()) return false;
  if (match->bytes != transfer.bytes) {
    misuses_.push_back(fmt::format("{}: {} bytes are sent into {}",
                                   comm.member.name, transfer.bytes,
                                   match->bytes));
    return false;
  }
  if (IsAskedFor(halfway_, comm)) {
    copier_(transfer.source, match->target, transfer.bytes / 2);
    stalled_.merge(halfway_);
    ++stopped_;
    return false;
  }
  copier_(transfer.source, match->target, transfer.bytes);
  match->done = true;
  transfer.done = true;
  return true;
}

// What was begun ends where it is, and so does what waits for it in the stream.
void FakeNccl::Drop(Comm& comm) {
  comm.alive = false;
  for (const Group& group : comm.groups) ++group.stream->done;
  comm.groups.clear();
  changed_.NotifyAll();
}

absl::Status FakeNccl::Abort(NcclComm handle) {
  MutexLock lock(mutex_);
  Comm& comm = *Of(handle);
  if (!comm.alive) misuses_.push_back(comm.member.name + ": a second end");
  ++aborts_;
  Drop(comm);
  return absl::OkStatus();
}

absl::Status FakeNccl::Finalize(NcclComm handle) {
  MutexLock lock(mutex_);
  Comm& comm = *Of(handle);
  CheckUse("Finalize", comm);
  if (!comm.groups.empty()) {
    misuses_.push_back(comm.member.name + ": ended with transfers under way");
  }
  comm.finalized = true;
  comm.in_progress = true;
  return comm.error;
}

absl::Status FakeNccl::Destroy(NcclComm handle) {
  MutexLock lock(mutex_);
  Comm& comm = *Of(handle);
  CheckUse("Destroy", comm);
  if (!comm.finalized) {
    misuses_.push_back(comm.member.name + ": Destroy before Finalize");
  }
  Drop(comm);
  return absl::OkStatus();
}

absl::Status FakeNccl::UseDevice() {
  MutexLock lock(mutex_);
  threads_.insert(std::this_thread::get_id());
  return absl::OkStatus();
}

absl::StatusOr<CudaStream> FakeNccl::CreateStream() {
  MutexLock lock(mutex_);
  if (!lost_.ok()) return lost_;
  CheckDevice("CreateStream");
  auto stream = std::make_unique<Stream>();
  Stream* const key = stream.get();
  streams_[key] = std::move(stream);
  return reinterpret_cast<CudaStream>(key);
}

void FakeNccl::DestroyStream(CudaStream stream) {
  MutexLock lock(mutex_);
  Stream* const key = reinterpret_cast<Stream*>(stream);
  const auto found = streams_.find(key);
  if (found == streams_.end() || (lost_.ok() && key->done < key->begun)) {
    misuses_.emplace_back("DestroyStream of one that is not idle");
    return;
  }
  streams_.erase(found);
}

absl::StatusOr<CudaEvent> FakeNccl::Record(CudaStream stream) {
  MutexLock lock(mutex_);
  if (!lost_.ok()) return lost_;
  auto event = std::make_unique<Event>();
  event->stream = reinterpret_cast<Stream*>(stream);
  event->after = event->stream->begun;
  Event* const key = event.get();
  events_[key] = std::move(event);
  return reinterpret_cast<CudaEvent>(key);
}

absl::StatusOr<bool> FakeNccl::IsDone(CudaEvent event) {
  MutexLock lock(mutex_);
  if (!lost_.ok()) return lost_;
  const Event& asked = *reinterpret_cast<Event*>(event);
  return asked.stream->done >= asked.after;
}

void FakeNccl::DestroyEvent(CudaEvent event) {
  MutexLock lock(mutex_);
  if (events_.erase(reinterpret_cast<Event*>(event)) == 0) {
    misuses_.emplace_back("DestroyEvent of one that is gone");
  }
}

absl::StatusOr<std::byte*> FakeNccl::Allocate(int64_t bytes) {
  MutexLock lock(mutex_);
  if (!lost_.ok()) return lost_;
  std::vector<std::byte> memory(static_cast<size_t>(bytes));
  std::byte* const key = memory.data();
  memory_[key] = std::move(memory);
  return key;
}

void FakeNccl::Free(std::byte* memory) {
  MutexLock lock(mutex_);
  if (memory_.erase(memory) == 0) {
    misuses_.emplace_back("Free of memory that is gone");
  }
}

}  // namespace penstock
