#include "worker/link/nccl_mover.h"

#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/clock.h"

namespace penstock {
namespace {

// A transfer of a tensor takes longer, and nobody says when it is done.
constexpr absl::Duration kPollInterval = absl::Microseconds(50);

}  // namespace

NcclMover::NcclMover(NcclCommunicators& communicators, CudaStreams& streams,
                     const std::vector<int>& peers, absl::Duration begin_max,
                     Events events)
    : communicators_(communicators),
      streams_(streams),
      begin_max_(begin_max),
      events_(std::move(events)) {
  for (const int peer : peers) edges_.push_back({.peer = peer});
}

NcclMover::~NcclMover() { PENSTOCK_CHECK(!thread_.joinable()); }

void NcclMover::Start() {
  thread_ = std::thread([this] { Run(); });
}

void NcclMover::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void NcclMover::Move(int edge, const Transfer& transfer) {
  MutexLock lock(mutex_);
  edges_[edge].waiting.push_back(transfer);
  changed_.NotifyAll();
}

void NcclMover::Drop(int peer) {
  MutexLock lock(mutex_);
  for (Edge& edge : edges_) {
    if (edge.peer == peer) edge.waiting.clear();
  }
}

bool NcclMover::IsIdle(int peer) {
  MutexLock lock(mutex_);
  for (const Edge& edge : edges_) {
    if (edge.peer == peer &&
        (!edge.waiting.empty() || edge.beginning || !edge.begun.empty())) {
      return false;
    }
  }
  return true;
}

void NcclMover::Run() {
  // When that fails, so does the first transfer, and says why.
  streams_.UseDevice().IgnoreError();
  for (;;) {
    std::vector<int> waiting;
    std::vector<int> begun;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      for (int i = 0; i < std::ssize(edges_); ++i) {
        if (!edges_[i].waiting.empty()) waiting.push_back(i);
        if (!edges_[i].begun.empty()) begun.push_back(i);
      }
      if (waiting.empty()) {
        changed_.WaitUntil(mutex_, begun.empty() ? absl::InfiniteFuture()
                                                 : SteadyNow() + kPollInterval);
      }
    }
    for (const int index : waiting) BeginNext(index);
    for (const int index : begun) EndCompleted(index);
  }
}

void NcclMover::BeginNext(int index) {
  Transfer transfer;
  {
    MutexLock lock(mutex_);
    Edge& edge = edges_[index];
    if (edge.waiting.empty()) return;
    transfer = edge.waiting.front();
    edge.waiting.pop_front();
    edge.beginning = true;
  }
  const bool sends = transfer.id.direction == Direction::kSend;
  // The sender is the first member of an edge.
  const NcclTransfer part{.member = sends ? 1 : 0,
                          .send = transfer.send,
                          .receive = transfer.receive};
  const absl::StatusOr<uint64_t> number = communicators_.at(index).Begin(
      {&part, 1},
      fmt::format("{} {}", sends ? "sending" : "receiving",
                  ToString(transfer.id.key)),
      SteadyNow() + begin_max_);
  if (!number.ok()) events_.on_failed(transfer.id.peer, number.status());
  MutexLock lock(mutex_);
  edges_[index].beginning = false;
  if (number.ok()) {
    edges_[index].begun.push_back({.id = transfer.id, .number = *number});
  }
}

void NcclMover::EndCompleted(int index) {
  const absl::StatusOr<uint64_t> completed =
      communicators_.at(index).Completed();
  std::vector<TransferId> moved;
  int peer = 0;
  {
    MutexLock lock(mutex_);
    Edge& edge = edges_[index];
    peer = edge.peer;
    for (const Begun& begun : edge.begun) {
      if (completed.ok() && begun.number <= *completed) {
        moved.push_back(begun.id);
      }
    }
    if (!completed.ok()) edge.begun.clear();
  }
  if (!completed.ok()) events_.on_failed(peer, completed.status());
  // First told, then idle: what has moved is not lost when the peer leaves.
  for (const TransferId& id : moved) events_.on_moved(id);
  {
    MutexLock lock(mutex_);
    std::deque<Begun>& begun = edges_[index].begun;
    begun.erase(begun.begin(),
                begun.begin() + static_cast<std::ptrdiff_t>(moved.size()));
  }
  if (!moved.empty() && IsIdle(peer)) events_.on_idle(peer);
}

}  // namespace penstock
