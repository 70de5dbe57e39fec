#include "worker/link/pending_transfers.h"

#include <fmt/format.h>

#include "proto/base/status_macros.h"

namespace penstock {

std::string ToString(const MessageKey& key) {
  return fmt::format("message tag {} of step {}", key.tag, key.step);
}

absl::Status PendingTransfers::Begin(const TransferId& id) {
  MutexLock lock(mutex_);
  if (!aborted_.ok()) return aborted_;
  if (id.peer < 0 || id.peer >= static_cast<int>(failed_.size())) {
    return absl::InvalidArgumentError(fmt::format(
        "peer {} of a plan with {} executors", id.peer, failed_.size()));
  }
  RETURN_IF_ERROR(ReasonAgainst(id));
  if (!transfers_.try_emplace(id).second) {
    return absl::InvalidArgumentError(fmt::format(
        "{} with peer {} is already under way", ToString(id.key), id.peer));
  }
  return absl::OkStatus();
}

void PendingTransfers::End(const TransferId& id, const absl::Status& result) {
  MutexLock lock(mutex_);
  const auto transfer = transfers_.find(id);
  if (transfer == transfers_.end() || transfer->second.ended) return;
  transfer->second = {.ended = true, .result = result};
  changed_.NotifyAll();
}

absl::Status PendingTransfers::Wait(const TransferId& id, absl::Time deadline) {
  MutexLock lock(mutex_);
  bool in_time = true;
  while (true) {
    if (!aborted_.ok()) return aborted_;
    const auto transfer = transfers_.find(id);
    if (transfer == transfers_.end()) {
      return absl::NotFoundError(fmt::format(
          "{} with peer {} was not asked for, or was waited for before",
          ToString(id.key), id.peer));
    }
    if (transfer->second.ended) {
      const absl::Status result = transfer->second.result;
      transfers_.erase(transfer);
      return result;
    }
    RETURN_IF_ERROR(ReasonAgainst(id));
    if (!in_time) {
      return absl::DeadlineExceededError(fmt::format(
          "{} {} peer {} has not arrived in time", ToString(id.key),
          id.direction == Direction::kSend ? "to" : "from", id.peer));
    }
    in_time = changed_.WaitUntil(mutex_, deadline);
  }
}

void PendingTransfers::FailPeer(int peer, const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (!failed_[peer].ok()) return;
  failed_[peer] = reason;
  changed_.NotifyAll();
}

void PendingTransfers::FailReceives(int peer, const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (!silent_[peer].ok()) return;
  silent_[peer] = reason;
  changed_.NotifyAll();
}

absl::Status PendingTransfers::ReasonAgainst(const TransferId& id) const {
  RETURN_IF_ERROR(failed_[id.peer]);
  return id.direction == Direction::kReceive ? silent_[id.peer]
                                             : absl::OkStatus();
}

void PendingTransfers::Abort(const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (!aborted_.ok()) return;
  aborted_ = reason.ok() ? absl::AbortedError("aborted") : reason;
  changed_.NotifyAll();
}

}  // namespace penstock
