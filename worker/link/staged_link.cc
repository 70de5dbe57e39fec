#include "worker/link/staged_link.h"

#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"

namespace penstock {

StagedLink::StagedLink(std::unique_ptr<Link> host, Options options)
    : peers_(options.peers),
      on_device_(std::move(options.on_device)),
      out_(std::move(options.out)),
      in_(std::move(options.in)),
      out_buffers_(*out_),
      in_buffers_(*in_),
      host_(std::move(host)),
      thread_([this] { Run(); }) {}

StagedLink::~StagedLink() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status StagedLink::CheckPeer(int peer) {
  if (!aborted_.ok()) return aborted_;
  if (peer < 0 || peer >= peers_) {
    return absl::InvalidArgumentError(
        fmt::format("no peer {}; there are {}", peer, peers_));
  }
  const auto gone = gone_.find(peer);
  return gone == gone_.end() ? absl::OkStatus() : gone->second;
}

absl::Status StagedLink::Heard(int peer, const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    MutexLock lock(mutex_);
    gone_.emplace(peer, status);
  }
  return status;
}

absl::Status StagedLink::Send(int peer, const MessageKey& key,
                              std::span<const std::byte> bytes) {
  if (!on_device_(key)) return host_->Send(peer, key, bytes);
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckPeer(peer));
  const Name name{peer, key};
  if (!outgoing_.emplace(name, Outgoing{.device = bytes}).second) {
    return absl::InvalidArgumentError(
        fmt::format("peer {}: the key of step {} is in use", peer, key.step));
  }
  queue_.push_back(name);
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status StagedLink::WaitSent(int peer, const MessageKey& key,
                                  absl::Time deadline) {
  if (!on_device_(key)) return host_->WaitSent(peer, key, deadline);
  const Name name{peer, key};
  absl::Status status;
  {
    MutexLock lock(mutex_);
    const auto found = outgoing_.find(name);
    if (found == outgoing_.end()) {
      return absl::NotFoundError(
          fmt::format("peer {}: nothing was sent under the key of step {}",
                      peer, key.step));
    }
    while (!found->second.offered.has_value()) {
      if (!aborted_.ok()) return aborted_;
      if (!changed_.WaitUntil(mutex_, deadline)) {
        return absl::DeadlineExceededError(
            fmt::format("peer {}: the message of step {} is still being copied "
                        "out of the device",
                        peer, key.step));
      }
    }
    status = *found->second.offered;
  }
  if (status.ok()) status = Heard(peer, host_->WaitSent(peer, key, deadline));
  if (!status.ok() && !absl::IsFailedPrecondition(status)) return status;
  MutexLock lock(mutex_);
  const auto found = outgoing_.find(name);
  out_buffers_.Return(found->second.staged);
  outgoing_.erase(found);
  return status;
}

absl::Status StagedLink::PostReceive(int peer, const MessageKey& key,
                                     std::span<std::byte> bytes) {
  if (!on_device_(key)) return host_->PostReceive(peer, key, bytes);
  ASSIGN_OR_RETURN(const std::span<std::byte> staged, LendIn(bytes.size()));
  const Name name{peer, key};
  {
    MutexLock lock(mutex_);
    if (!incoming_.emplace(name, Incoming{bytes, staged}).second) {
      in_buffers_.Return(staged);
      return absl::InvalidArgumentError(
          fmt::format("peer {}: the key of step {} is in use", peer, key.step));
    }
  }
  const absl::Status status = host_->PostReceive(peer, key, staged);
  if (status.ok()) return status;
  MutexLock lock(mutex_);
  incoming_.erase(name);
  in_buffers_.Return(staged);
  return status;
}

absl::Status StagedLink::WaitReceived(int peer, const MessageKey& key,
                                      absl::Time deadline) {
  const absl::Status status =
      Heard(peer, host_->WaitReceived(peer, key, deadline));
  if (!on_device_(key)) return status;
  if (!status.ok() && !absl::IsFailedPrecondition(status)) return status;
  Incoming message;
  {
    MutexLock lock(mutex_);
    const auto found = incoming_.find({peer, key});
    message = found->second;
    incoming_.erase(found);
  }
  // Not returned if its copy failed: the device may still read it.
  if (status.ok()) RETURN_IF_ERROR(CopyIn(message));
  in_buffers_.Return(message.staged);
  return status;
}

absl::StatusOr<std::span<std::byte>> StagedLink::LendIn(size_t bytes) {
  MutexLock lock(in_mutex_);
  return in_buffers_.Lend(bytes);
}

absl::Status StagedLink::CopyIn(const Incoming& message) {
  MutexLock lock(in_mutex_);
  RETURN_IF_ERROR(in_->CopyIn(message.staged, message.device.data()));
  return in_->Synchronize();
}

void StagedLink::Abort(const absl::Status& reason) {
  host_->Abort(reason);
  MutexLock lock(mutex_);
  aborted_.Update(reason);
  changed_.NotifyAll();
}

void StagedLink::Run() {
  for (;;) {
    Name name;
    std::span<const std::byte> device;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_ && aborted_.ok()) {
        changed_.WaitUntil(mutex_, absl::InfiniteFuture());
      }
      if (queue_.empty() || !aborted_.ok()) return;
      name = queue_.front();
      queue_.pop_front();
      device = outgoing_.at(name).device;
    }
    std::span<std::byte> staged;
    const absl::Status status = Offer(name, device, staged);
    MutexLock lock(mutex_);
    Outgoing& message = outgoing_.at(name);
    message.staged = staged;
    message.offered = status;
    changed_.NotifyAll();
  }
}

absl::Status StagedLink::Offer(const Name& name,
                               std::span<const std::byte> device,
                               std::span<std::byte>& staged) {
  ASSIGN_OR_RETURN(staged, out_buffers_.Lend(device.size()));
  RETURN_IF_ERROR(out_->CopyOut(device.data(), staged));
  RETURN_IF_ERROR(out_->Synchronize());
  return host_->Send(name.first, name.second, staged);
}

}  // namespace penstock
